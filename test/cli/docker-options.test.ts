import { expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/program.ts';
import { DOCKER_OPTIONS, checkDockerOptions } from '../../src/cli/docker-options.ts';
import type { CommandContext } from '../../src/cli/command.ts';
import type { AlpEvent } from '../../src/core/events.ts';

function verify(...args: readonly string[]): { warnings: string[]; refusal: string | undefined } {
  const events: AlpEvent[] = [];
  const parsed = parseCommandLine(['build', ...args, '.'], '0');
  try {
    checkDockerOptions({
      values: parsed?.values,
      config: { emit: (event: AlpEvent) => void events.push(event) },
    } as unknown as CommandContext);
  } catch (error) {
    return { warnings: [], refusal: (error as Error).message };
  }
  return {
    warnings: events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
    refusal: undefined,
  };
}

it('takes what would not change the result, in silence or with a word', () => {
  expect(verify('-D', '--rm', '--force-rm=false', '--compress=true', '--provenance=false')).toEqual({
    warnings: [],
    refusal: undefined,
  });
  expect(verify('-m', '3g', '--cache-from', 'a', '--cache-from=b')).toEqual({
    warnings: ['--memory has no effect', '--cache-from has no effect'],
    refusal: undefined,
  });
});

it('refuses what asks for a daemon or a registry, each with what to do', () => {
  for (const args of [['--load'], ['--push'], ['--squash=true'], ['--ssh', 'default'], ['--sbom=true']])
    expect(verify(...args).refusal).toBe(`${args[0]?.split('=')[0]} is not for alproot`);
  expect(DOCKER_OPTIONS.every(({ help }) => help !== '')).toBe(true);
});

it('takes a value of an option that begins like a switch turned off', () => {
  expect(
    parseCommandLine(['build', '--no-cache-filter', 'a', '--no-cache-filter=b,c', '.'], '0')?.values,
  ).toMatchObject({ noCacheFilter: ['a', 'b,c'], cache: true });
  expect(parseCommandLine(['build', '.'], '0')?.values).not.toHaveProperty('cacheFilter');
});

it('reads a switch with a value as docker does', () => {
  expect(parseCommandLine(['build', '--pull=true', '--no-cache=false', '.'], '0')?.values).toMatchObject({
    pull: true,
    cache: true,
  });
  expect(parseCommandLine(['build', '--no-cache=true', '.'], '0')?.values).toMatchObject({ cache: false });
});
