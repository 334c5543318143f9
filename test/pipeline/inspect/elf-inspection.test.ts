import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hostPath } from '../../../src/core/paths.ts';
import { formatInspection, inspectFile, reasonNotStatic } from '../../../src/pipeline/inspect/elf-inspection.ts';
import { compile, hasProgram, withDirectory } from '../../helpers/compile.ts';
import { makeElf } from '../../helpers/make-elf.ts';

const elf = (directory: string, bytes = makeElf()): ReturnType<typeof hostPath> => {
  writeFileSync(join(directory, 'program'), bytes);
  return hostPath(join(directory, 'program'));
};

it('reads a file, through a link too, and checks the requirements', () => {
  withDirectory((directory) => {
    elf(directory);
    symlinkSync('program', join(directory, 'link'));
    const inspection = inspectFile(hostPath(join(directory, 'link')), { require: 'static,musl' });
    expect(inspection).toMatchObject({
      kind: 'elf',
      report: { linkage: 'static' },
      failures: [{ requirement: 'musl' }],
    });
    expect(formatInspection(inspection)).toContain('static (no interpreter, no libraries)');
  });
});

it('says why a program is not static', () => {
  withDirectory((directory) => {
    expect(reasonNotStatic(elf(directory))).toBeUndefined();
    expect(reasonNotStatic(elf(directory, makeElf({ dynamic: [[1, 'libz.so.1']] })))).toBe('needs libz.so.1');
  });
});

it('a missing file, a directory, a text and a wrong map are refused by code', () => {
  withDirectory((directory) => {
    const at = (name: string): ReturnType<typeof hostPath> => hostPath(join(directory, name));
    elf(directory);
    mkdirSync(at('folder'));
    writeFileSync(at('text'), 'hello');
    const code = (run: () => unknown): unknown => {
      try {
        return run();
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code(() => inspectFile(at('none')))).toBe('ALP_USAGE_ARGUMENT');
    expect(code(() => inspectFile(at('folder')))).toBe('ALP_USAGE_ARGUMENT');
    expect(code(() => inspectFile(at('text')))).toBe('ALP_FORMAT_ELF');
    expect(code(() => inspectFile(at('program'), { map: at('none') }))).toBe('ALP_USAGE_ARGUMENT');
    expect(code(() => inspectFile(at('program'), { map: at('text') }))).toBe('ALP_FORMAT_TEXT');
  });
});

it.skipIf(!hasProgram('gcc'))('tells which members of a static library were compiled for glibc', () => {
  withDirectory((directory) => {
    const source = '#include <string.h>\nchar copy[8];\nvoid f(const char *text) { strcpy(copy, text); }\n';
    writeFileSync(join(directory, 'f.o'), compile('gcc', ['-c', '-O2', '-D_FORTIFY_SOURCE=2'], { source }).bytes);
    execFileSync('ar', ['rcs', 'libf.a', 'f.o'], { cwd: directory });
    const inspection = inspectFile(hostPath(join(directory, 'libf.a')));
    expect(inspection).toMatchObject({
      kind: 'library',
      memberCount: 1,
      glibcObjects: [{ symbols: ['__strcpy_chk'] }],
    });
    expect(formatInspection(inspection)).toContain('libf.a(f.o) asks for __strcpy_chk');
    expect(() => inspectFile(hostPath(join(directory, 'libf.a')), { require: 'static' })).toThrow(
      expect.objectContaining({ code: 'ALP_USAGE_OPTION' }),
    );
  });
});
