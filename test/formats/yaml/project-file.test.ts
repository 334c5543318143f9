import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseProjectFile } from '../../../src/formats/yaml/project-file.ts';

const refused = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'ALP_USAGE_CONFIG', message: expect.stringMatching(message) });

describe('alproot.yaml', () => {
  it('gives mirrors with their keys, packages and the release', () => {
    const text =
      "release: '3.20'\nmirrors:\n  - https://mirror.example/alpine\n  - url: ./mirror\n" +
      '    keys: [keys/a.rsa.pub]\npackages: [gcc, musl-dev]\n';
    expect(parseProjectFile(text)).toEqual({
      release: '3.20',
      mirrors: [
        { url: 'https://mirror.example/alpine', keys: [] },
        { url: './mirror', keys: ['keys/a.rsa.pub'] },
      ],
      packages: ['gcc', 'musl-dev'],
      lines: { release: 1, mirrors: 2, packages: 6 },
    });
  });

  it('keeps an unquoted release as it is written', () => {
    expect(parseProjectFile('release: 3.20').release).toBe('3.20');
  });

  it('may be empty', () => {
    expect(parseProjectFile('')).toEqual({ lines: {} });
    expect(parseProjectFile('# nothing yet\n')).toEqual({ lines: {} });
  });

  it.each([
    ['relase: 3.19', /unknown key `relase`/],
    ['mirrors: x', /mirrors must be a list/],
    ['mirrors: [{uri: x}]', /unknown key `uri` in mirrors/],
    ['arch: sparc', /not an architecture/],
    ['require-isolation: false', /can only be true/],
    ['packages: [a]\npackages: [b]', /unique/],
    ['- a', /must be a mapping/],
    ['a: [', /./],
    ['a: &x [1]\nb: *x', /unknown key|alias/i],
  ])('refuses %j', (text, message) => {
    expect(() => parseProjectFile(text)).toThrow(refused(message));
  });

  it('knows the keys that the published schema lists', () => {
    const schema = JSON.parse(readFileSync(new URL('../../../docs/alproot.schema.json', import.meta.url), 'utf8')) as {
      properties: object;
    };
    for (const key of Object.keys(schema.properties)) {
      expect(() => parseProjectFile(`${key}: {}`)).not.toThrow(refused(/unknown key/));
    }
  });
});
