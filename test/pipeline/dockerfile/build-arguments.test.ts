import { describe, expect, it } from 'vitest';
import { annotation, checkContext, hostLine, nameAndValue } from '../../../src/pipeline/dockerfile/build-arguments.ts';

const refused = (code: string) => expect.objectContaining({ code });

describe("values of docker's options", () => {
  it('contexts are directories; repositories and archives from elsewhere are refused with what to do', () => {
    for (const text of ['.', '../x', '-', '/a b', 'git', 'c:d']) expect(() => checkContext(text)).not.toThrow();
    expect(() => checkContext('https://github.com/a/b.git#main')).toThrow(
      expect.objectContaining({ code: 'ALP_USAGE_ARGUMENT', hint: expect.stringContaining('git clone') }),
    );
    expect(() => checkContext('git@github.com:a/b')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('git clone') }),
    );
    expect(() => checkContext('https://h/context.tar.gz')).toThrow(
      expect.objectContaining({ code: 'ALP_USAGE_ARGUMENT', hint: expect.stringContaining('unpack') }),
    );
  });

  it('annotations are of the manifest', () => {
    expect([annotation('a=b=c'), annotation('manifest:a:b=c'), annotation('org.x/y:z=1')]).toEqual([
      ['a', 'b=c'],
      ['a:b', 'c'],
      ['org.x/y:z', '1'],
    ]);
    for (const text of ['index:a=b', 'index,manifest:a=b', '=b'])
      expect(() => annotation(text)).toThrow(refused('ALP_USAGE_OPTION'));
  });

  it('labels may be empty, hosts need an address', () => {
    expect([nameAndValue('a'), nameAndValue('a='), nameAndValue('a=b=c')]).toEqual([
      ['a', ''],
      ['a', ''],
      ['a', 'b=c'],
    ]);
    expect([hostLine('h:192.0.2.1'), hostLine('h=::1'), hostLine('h:[::1]')]).toEqual([
      '192.0.2.1\th',
      '::1\th',
      '::1\th',
    ]);
    expect(() => hostLine('h')).toThrow(refused('ALP_USAGE_OPTION'));
  });
});
