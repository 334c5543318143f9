/** The shell blocks of README.md and docs/, as a reader would copy them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './project.ts';

export interface DocBlock {
  readonly page: string;
  readonly line: number;
  readonly script: string;
  /** The first line, by which a test names it: other lines of the page may move. */
  readonly first: string;
}

export const docPages = (): string[] => [
  'README.md',
  ...readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

/** Blocks marked `sh`, and unmarked ones that begin with a command. */
export function shellBlocks(page: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, text] of readFileSync(join(projectRoot, page), 'utf8').split('\n').entries()) {
    const fence = /^```(\w*)\s*$/.exec(text);
    if (fence === null) open?.lines.push(text);
    else if (open === undefined) open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    else {
      const [first = ''] = open.lines;
      if (
        /^(?:sh|bash|shell|console)$/.test(open.language) ||
        (open.language === '' && /^(?:\$ |alproot (?!.*[[<])|openssl |npm )/.test(first))
      )
        blocks.push({ page, line: open.line, first, script: open.lines.join('\n') });
      open = undefined;
    }
  }
  return blocks;
}
