import { describe, expect, it } from 'vitest';
import { netrcCredentials, parseNetrc } from '../../../src/system/http/netrc.ts';

const TEXT = `# mine
machine Mirror.Example.org login me password "a \\"b\\" c"
machine other.example.org
  login you
  account x
  password p
macdef init
machine evil.example.org login x password y

default login anonymous password guest
`;

describe('netrc', () => {
  const of = (url: string, text = TEXT): unknown => netrcCredentials(parseNetrc(text), new URL(url));

  it('gives each host its own entry, whatever the case and the port', () => {
    expect(of('https://mirror.example.org:8443/x')).toEqual({ user: 'me', password: 'a "b" c' });
    expect(of('https://OTHER.example.org')).toEqual({ user: 'you', password: 'p' });
  });

  it('falls back to the default, and passes over macros', () => {
    expect(of('https://evil.example.org')).toEqual({ user: 'anonymous', password: 'guest' });
  });

  it('gives nothing to a host that merely ends alike, or when the file is cut or empty', () => {
    const text = 'machine example.org login a password b';
    expect(of('https://evilexample.org', text)).toBeUndefined();
    expect(of('https://sub.example.org', text)).toBeUndefined();
    expect(of('https://x.org', 'machine')).toBeUndefined();
    expect(of('https://x.org', 'machine x.org login')).toBeUndefined();
    expect(of('https://x.org', '')).toBeUndefined();
  });
});
