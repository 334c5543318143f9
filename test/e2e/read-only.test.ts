/**
 * Every command where the store or its destination cannot be written, or where nobody knows a home: it works when it
 * needs none of it, and else says which path, why, and what to do. No half of a result, nothing temporary, no stack.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { capability } from '../helpers/capabilities.ts';
import {
  EVERY_COMMAND,
  makeCommandBench,
  type CommandBench,
  type CommandCase,
  type CommandResult,
  type ProcessEnvironment,
} from '../helpers/every-command.ts';
import { enter } from '../helpers/ledger.ts';

/** Mounts of their own, which only root has without further ado. */
const needs = capability('upstream', 'bwrap', 'chroot');

/** Nobody but the command sees the directory as it is mounted here. */
const readOnly = (path: string): string[] => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$PWD" && exec "$@"',
  path,
];

interface Condition {
  readonly processEnvironment: (bench: CommandBench, work: string) => ProcessEnvironment;
  readonly refuses: (command: CommandCase) => boolean;
  /** What the error says besides its code and its hint. */
  readonly says: RegExp;
}

const needsStore = ({ store }: CommandCase): boolean => store === 'read' || store === 'write';

const CONDITIONS: Readonly<Record<string, Condition>> = {
  'with a store that can only be read': {
    processEnvironment: ({ root, store }) => ({ prefix: readOnly(store), env: { HOME: root, ALPROOT_CACHE: store } }),
    refuses: ({ store }) => store === 'write',
    says: /`\/\S+\/store\/\S+: .* \(EROFS\) \[ALP_STORE_WRITE\]/,
  },
  'with a destination that can only be read': {
    processEnvironment: ({ root, store }, work) => ({
      prefix: readOnly(work),
      env: { HOME: root, ALPROOT_CACHE: store },
    }),
    refuses: ({ makes }) => makes !== undefined,
    says: /`\/\S+\/work\/\S+: .* \(EROFS\) \[ALP_FILE_WRITE\]/,
  },
  'with a store that is empty and can only be read': {
    processEnvironment: ({ root }) => ({
      prefix: readOnly(join(root, 'empty')),
      env: { HOME: root, ALPROOT_CACHE: join(root, 'empty') },
    }),
    refuses: needsStore,
    says: /`\/\S+\/empty\/\S+: .* \(EROFS\) \[ALP_STORE_WRITE\]/,
  },
  'with a home that can only be read': {
    processEnvironment: ({ root }) => ({ prefix: readOnly(join(root, 'home')), env: { HOME: join(root, 'home') } }),
    refuses: needsStore,
    says: /`\/\S+\/home\/\.cache\/\S+: .* \(EROFS\) \[ALP_STORE_WRITE\]/,
  },
  'with all that they need': {
    processEnvironment: ({ root, store }) => ({ env: { HOME: root, ALPROOT_CACHE: store } }),
    refuses: () => false,
    says: /^/,
  },
};

/** Of a user whom no list of users knows. */
const FOR_STRANGERS: Readonly<Record<string, Condition>> = {
  'with a store that can only be read': CONDITIONS['with a store that can only be read'] as Condition,
  'without a home': {
    processEnvironment: () => ({ env: {} }),
    refuses: (command) => needsStore(command) || command.store === 'place',
    says: /no home directory \[ALP_USAGE_CONFIG\]/,
  },
  "with somebody else's home": {
    processEnvironment: ({ root }) => ({ env: { HOME: join(root, 'home') } }),
    refuses: needsStore,
    says: /`\/\S+\/home\/\.cache\/\S+: .* \(EACCES\) \[ALP_STORE_WRITE\]/,
  },
};

/** What did not hold of a command. */
function verify(
  command: CommandCase,
  { refuses, says }: Condition,
  { status, stderr, made, left }: CommandResult,
): string[] {
  const wrong: string[] = [];
  if (stderr.includes('this is a bug') || /^ {4}at /m.test(stderr)) wrong.push('ends as a bug');
  if (left.length > 0) wrong.push(`leaves ${left.join(', ')}`);
  if (!refuses(command)) {
    if (status !== 0) wrong.push(`ends with ${status}`);
    if (command.makes !== undefined && !made.includes(command.makes)) wrong.push(`does not make ${command.makes}`);
  } else {
    if (![2, 9, 12].includes(status)) wrong.push(`ends with ${status}`);
    if (!says.test(stderr) || !/^hint: ./m.test(stderr)) wrong.push('says too little');
    if (made.length > 0) wrong.push(`makes ${made.join(', ')}`);
  }
  return wrong.length === 0 ? [] : [`${command.words.join(' ')}: ${wrong.join('; ')}: ${stderr.slice(-600)}`];
}

describe('the table of commands', () => {
  it('has every command and every verb', () => {
    const words = EVERY_COMMAND.map(({ words: [first, second] }) => [first, second]);
    const verbs = COMMANDS.flatMap(({ name, args = '' }) =>
      (/^<([\w-]+(?:\|[\w-]+)+)>/.exec(args)?.[1] ?? '')
        .split('|')
        .flatMap((verb) => (verb === '' || name === 'completion' ? [] : [{ name, verb }])),
    );
    expect(COMMANDS.map(({ name }) => name).filter((name) => !words.some(([first]) => first === name))).toEqual([]);
    expect(verbs.length).toBeGreaterThan(15);
    expect(
      verbs.filter(({ name, verb }) => !words.some(([first, second]) => first === name && second === verb)),
    ).toEqual([]);
  });
});

describe.skipIf(needs.skip).each([
  ['root', [], CONDITIONS],
  ['an ordinary user', ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups'], FOR_STRANGERS],
] as const)(`every command of %s${needs.reason}`, (_who, become, conditions) => {
  let bench: CommandBench;
  beforeAll(async () => {
    bench = await makeCommandBench(become);
    for (const name of ['empty', 'home']) mkdirSync(join(bench.root, name));
  });
  afterAll(() => bench.close());

  // The first one finds the store as it was filled: later ones let through what adds to it.
  it.each(Object.keys(conditions))('%s works, or says what it cannot do', async (name) => {
    const condition = conditions[name] as Condition;
    const wrong: string[] = [];
    for (const command of EVERY_COMMAND) {
      if (command.far === true && !condition.refuses(command)) continue;
      const found = verify(
        command,
        condition,
        await bench.run(command, (work) => condition.processEnvironment(bench, work)),
      );
      enter({ kind: 'fault', area: 'read-only places, no home', ok: found.length === 0 });
      wrong.push(...found);
    }
    expect(wrong).toEqual([]);
  });
});
