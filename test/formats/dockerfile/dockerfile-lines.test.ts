import { DockerfileParser } from 'dockerfile-ast';
import { describe, expect, it } from 'vitest';
import { parseDirectives, parseLogicalLines } from '../../../src/formats/dockerfile/dockerfile-lines.ts';

const lines = (text: string, escape: '\\' | '`' = '\\') =>
  parseLogicalLines(text, escape).map(({ text: line, line: from, endLine }) => [line, from, endLine]);
const editorsView = (text: string) =>
  DockerfileParser.parse(text)
    .getInstructions()
    .map((instruction) => instruction.getKeyword());

describe('logical lines', () => {
  it.each([
    [
      'a comment and a blank line inside a continuation vanish',
      'RUN a && \\\n  # why\n\n  b\n',
      [['RUN a &&   b', 1, 4]],
    ],
    [
      'joining adds nothing and strips nothing',
      'ARG P=a,\\\nb\nRUN "x\\\n  y"\n',
      [
        ['ARG P=a,b', 1, 2],
        ['RUN "x  y"', 3, 4],
      ],
    ],
    ['blanks may follow the escape', 'RUN a \\ \t\n b\n', [['RUN a  b', 1, 2]]],
    [
      'an escaped escape at the end does not continue',
      'RUN echo a\\\\\nRUN b\n',
      [
        ['RUN echo a\\\\', 1, 1],
        ['RUN b', 2, 2],
      ],
    ],
    [
      'CRLF line ends are not part of the text',
      'RUN a \\\r\n b\r\nRUN c\r\n',
      [
        ['RUN a  b', 1, 2],
        ['RUN c', 3, 3],
      ],
    ],
    ['the last line needs no line end', 'RUN a', [['RUN a', 1, 1]]],
    ['a continuation at the end of the file just ends', 'RUN a \\', [['RUN a ', 1, 1]]],
    ['a byte order mark is dropped', '\ufeffFROM a\n', [['FROM a', 1, 1]]],
    ['indentation before an instruction is dropped', '  RUN a\n', [['RUN a', 1, 1]]],
    [
      'a comment after the last continuation does not swallow the next instruction',
      'RUN a \\\n# x\n b\nRUN c\n',
      [
        ['RUN a  b', 1, 3],
        ['RUN c', 4, 4],
      ],
    ],
    ['a keyword may itself be continued', 'R\\\nUN b\n', [['RUN b', 1, 2]]],
  ])('%s', (_title, text, expected) => {
    expect(lines(text)).toEqual(expected);
  });

  it('takes the backquote as escape when told', () => {
    expect(lines('RUN a `\n b \\\nRUN c\n', '`')).toEqual([
      ['RUN a  b \\', 1, 2],
      ['RUN c', 3, 3],
    ]);
  });

  it.each([
    [
      'a body is not Dockerfile text',
      'RUN <<EOF\n# c\nfoo \\\nRUN x\nEOF\nRUN y\n',
      [{ name: 'EOF', expand: true, chomp: false, body: '# c\nfoo \\\nRUN x\n' }],
    ],
    [
      '<<- takes tabs before its end',
      'RUN <<-EOF\n\tfoo\n\tEOF\nRUN y\n',
      [{ name: 'EOF', expand: true, chomp: true, body: '\tfoo\n' }],
    ],
    [
      'a quoted name switches expansion off',
      'COPY <<"E F" /x\nb\nE F\nRUN y\n',
      [{ name: 'E F', expand: false, chomp: false, body: 'b\n' }],
    ],
    [
      'a file descriptor may come before',
      'RUN 3<<E cat\nb\nE\nRUN y\n',
      [{ name: 'E', expand: true, chomp: false, body: 'b\n' }],
    ],
    [
      'several bodies follow in order',
      'RUN cat <<A <<B\n1\nA\n2\nB\nRUN y\n',
      [
        { name: 'A', expand: true, chomp: false, body: '1\n' },
        { name: 'B', expand: true, chomp: false, body: '2\n' },
      ],
    ],
    [
      'an inner heredoc belongs to the shell',
      'RUN <<-A bash\n\tcat <<B\n\tx\n\tB\n\tA\nRUN y\n',
      [{ name: 'A', expand: true, chomp: true, body: '\tcat <<B\n\tx\n\tB\n' }],
    ],
  ])('heredoc: %s', (_title, text, expected) => {
    const [first, second] = parseLogicalLines(text, '\\');
    expect(first?.heredocs).toEqual(expected);
    expect(second?.text).toBe('RUN y');
  });

  it.each([
    'RUN echo "<<EOF"',
    "RUN echo 'it <<EOF' z",
    'RUN cat <<<EOF',
    'RUN echo $((1<<2))',
    'RUN cat << EOF',
    'RUN cat<<EOF',
    'CMD cat <<EOF',
    'ENV A=<<EOF',
  ])('%s opens no heredoc', (line) => {
    const parsed = parseLogicalLines(`${line}\nRUN y\n`, '\\');
    expect(parsed.map((item) => item.heredocs)).toEqual([[], []]);
  });

  it('refuses a heredoc that never ends, at the line that opened it', () => {
    expect(() => parseLogicalLines('FROM a\nRUN <<EOF\nfoo\n', '\\')).toThrow(
      expect.objectContaining({ code: 'ALP_FORMAT_DOCKERFILE', facts: { line: 2 } }),
    );
  });
});

describe('parser directives', () => {
  it.each([
    ['# escape=`\nFROM a', '`'],
    ['# syntax=docker/dockerfile:1\n#Escape = `\nFROM a', '`'],
    ['# a comment\n# escape=`\nFROM a', '\\'],
    ['\n# escape=`\nFROM a', '\\'],
    ['FROM a\n# escape=`\n', '\\'],
    ['# unknown=1\n# escape=`\n', '\\'],
    ['# check=skip=all\n# escape=`\r\nFROM a', '`'],
  ])('%j has the escape %s', (text, escape) => {
    expect(parseDirectives(text).escape).toBe(escape);
  });

  it.each(['# escape=`\n# escape=`\n', '# escape=x\n'])('%j is refused', (text) => {
    expect(() => parseDirectives(text)).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_DOCKERFILE' }));
  });
});

describe('why the lines are not taken from dockerfile-ast', () => {
  it.each([
    ['an ordinary file: both agree', 'FROM a\nRUN x \\\n # c\n y\nCOPY <<E /f\nb\nE\nRUN z\n', true],
    ['an escaped escape swallows the next instruction', 'FROM a\nRUN echo a\\\\\nRUN b\n', false],
    ['a quoted << swallows the rest of the file', "FROM a\nRUN echo 'it <<EOF' z\nRUN b\n", false],
    ['a body after 3<< becomes instructions', 'FROM a\nRUN 3<<E cat\nx\nE\nRUN b\n', false],
    ['a quoted name with a blank is missed', "FROM a\nRUN cat <<'E F'\nx\nE F\nRUN b\n", false],
  ])('%s', (_title, text, agrees) => {
    const ours = parseLogicalLines(text, '\\').map((line) => line.text.split(' ')[0]);
    expect(JSON.stringify(editorsView(text)) === JSON.stringify(ours)).toBe(agrees);
  });
});
