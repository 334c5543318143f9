import { describe, expect, it } from 'vitest';
import { expand } from '../../../src/formats/dockerfile/substitution.ts';

const variables = new Map([
  ['x', 'foobarbaz'],
  ['e', ''],
  ['p', '/usr/lib/a.tar.gz'],
  ['w', 'a b'],
  ['n', '1'],
]);
const put = (text: string) => expand(text, variables, { escape: '\\' }).text;

describe('substitution', () => {
  it.each([
    ['$x', 'foobarbaz'],
    ['${x}', 'foobarbaz'],
    ['a${x}b', 'afoobarbazb'],
    ['$unset', ''],
    ['${unset}', ''],
    ['${unset:-d}', 'd'],
    ['${e:-d}', 'd'],
    ['${e-d}', ''],
    ['${unset-d}', 'd'],
    ['${x:-d}', 'foobarbaz'],
    ['${x:+y}', 'y'],
    ['${e:+y}', ''],
    ['${e+y}', 'y'],
    ['${unset+y}', ''],
    ['${unset:-${x}}', 'foobarbaz'],
    ['${n:+${n}/}alpine:${v:-3.20}', '1/alpine:3.20'],
    ['${unset:-"a b"}', 'a b'],
    ['${x#f*b}', 'arbaz'],
    ['${x##f*b}', 'az'],
    ['${x%b*}', 'foobar'],
    ['${x%%b*}', 'foo'],
    ['${p##*/}', 'a.tar.gz'],
    ['${p%.*}', '/usr/lib/a.tar'],
    ['${x/ba/BA}', 'fooBArbaz'],
    ['${x//ba/BA}', 'fooBArBAz'],
    ['${x/b?r/X}', 'fooXbaz'],
    ['${p//\\//-}', '-usr-lib-a.tar.gz'],
    ['${x/o/}', 'fobarbaz'],
    ['\\$x', '$x'],
    ['\\${x}', '${x}'],
    ["'$x'", '$x'],
    ['"$x"', 'foobarbaz'],
    ['"\\$x"', '$x'],
    ['"a\\b"', 'a\\b'],
    ['a\\ b', 'a b'],
    ['$', '$'],
    ['$(date)', '$(date)'],
    ['a$', 'a$'],
    ['cost: $ 5', 'cost: $ 5'],
    ["it\\'s", "it's"],
    ['""', ''],
    ['$1x', 'x'],
    ['${x}${e}$n', 'foobarbaz1'],
  ])('%s gives %j', (text, expected) => {
    expect(put(text)).toBe(expected);
  });

  it.each(['${x', '${}', '${:x}', '${x;y}', '"open', "'open", '${unset:?needed}', '${e:?}', '${x:=y}', '${x#\\a}'])(
    '%s is refused',
    (text) => {
      expect(() => put(text)).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_DOCKERFILE' }));
    },
  );

  it('does not take for ever over a hostile pattern, and leaves long values alone', () => {
    const hostile = new Map([
      ['x', 'a'.repeat(2000)],
      ['long', 'a'.repeat(3000)],
    ]);
    expect(expand(`\${x%%${'*a'.repeat(30)}b}`, hostile, { escape: '\\' }).text).toBe('a'.repeat(2000));
    expect(() => expand('${long%a}', hostile, { escape: '\\' })).toThrow(
      expect.objectContaining({ code: 'ALP_FORMAT_DOCKERFILE' }),
    );
  });

  it('tells the message of ${x:?message}', () => {
    expect(() => put('${unset:?give a release}')).toThrow('unset: give a release');
  });

  it('splits values at blanks, but not quoted ones', () => {
    expect(expand('$w "$w" c', variables, { escape: '\\' }).words).toEqual(['a', 'b', 'a b', 'c']);
  });

  it('reports the names it looked at', () => {
    expect([...expand('${x:-$unset} $n', variables, { escape: '\\' }).used]).toEqual(['x', 'unset', 'n']);
  });

  it('uses the backquote when it is the escape', () => {
    expect(expand('`$x \\$x', variables, { escape: '`' }).text).toBe('$x \\foobarbaz');
  });

  it('keeps quotes and other escapes in heredoc bodies', () => {
    expect(expand('"$x" \'$x\' \\n \\$x', variables, { escape: '\\', keepQuotes: true }).text).toBe(
      '"foobarbaz" \'foobarbaz\' \\n $x',
    );
  });
});
