/** A program that wants out, in every backend, by every road that leads into a sandbox: see expected.ts. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackendName } from '../../../src/core/run-description.ts';
import { BACKENDS } from '../../../src/run/backend.ts';
import { capability, type Capability } from '../../helpers/capabilities.ts';
import { makeReleaseMirror, type ReleaseMirror } from '../../helpers/release-mirror.ts';
import { differences } from './comparison.ts';
import { exceptionsAtFull, type Circumstances } from './expected.ts';
import { buildPrograms, type Programs } from './program.ts';
import { commandStatus, parseResults } from './results.ts';
import { callers, makeWorld, type Kernel, type Verdict, type World } from './worlds.ts';

const basics = capability('upstream', 'gcc');
let root: string;
let programs: Programs;
let mirror: ReleaseMirror;

beforeAll(async () => {
  if (basics.skip) return;
  // Not below /tmp, which stays writable below full.
  root = mkdtempSync('/var/tmp/alproot-escape-test-');
  chmodSync(root, 0o755);
  programs = buildPrograms(root);
  mirror = await makeReleaseMirror(join(root, 'mirror'), []);
});
afterAll(() => {
  if (!basics.skip) rmSync(root, { recursive: true, force: true });
});

interface Road {
  readonly title: string;
  readonly network: Circumstances['network'];
  readonly bindsWritable: boolean;
  readonly needsTree: boolean;
  readonly run: (world: World, backend: BackendName) => Promise<string>;
}

const runRoad = (network: Circumstances['network'], inTerminal = false): Road => ({
  title: `run --network ${network}${inTerminal ? ', in a terminal' : ''}`,
  network,
  bindsWritable: true,
  needsTree: network === 'host',
  run: (world, backend) =>
    world.attack(['run', '--backend', backend, '--network', network, ...mirror.args, '--', './attack', 'facts'], {
      inTerminal,
    }),
});

/** Files with more rights than their caller, brought by COPY, and a directory that every user may write to. */
const dockerfile = (user: number): string =>
  [
    'FROM alpine:3.19 AS attacked',
    'COPY --chmod=4755 attack /brought/attack-set-uid',
    'COPY --chmod=2755 attack /brought/attack-set-gid',
    'COPY --chmod=0755 attack /brought/attack',
    'COPY --chmod=0644 facts /brought/facts',
    'RUN mkdir -m 0777 /work',
    'WORKDIR /work',
    `USER ${user}`,
    'RUN /brought/attack /brought/facts >results',
    'FROM scratch',
    'COPY --from=attacked /work/results /',
  ].join('\n');

const buildRoad = (user: number): Road => ({
  title: `build with USER ${user}`,
  network: 'none',
  bindsWritable: false,
  needsTree: true,
  run: (world, backend) =>
    world.attack(
      ['build', '--backend', backend, '--network', 'none', '--no-cache', ...mirror.args, '-o', 'out', '.'],
      { files: { Dockerfile: dockerfile(user) }, show: 'out/results' },
    ),
});

const ROADS: Readonly<Record<Kernel, readonly Road[]>> = {
  plain: [runRoad('none'), runRoad('host'), runRoad('none', true), buildRoad(0), buildRoad(1000)],
  gvisor: [runRoad('none'), buildRoad(1000)],
};

/** What a test machine must have; backends that need nothing have no name here. */
const capabilityOf: Readonly<Record<string, Capability>> = {
  bwrap: 'bwrap',
  userns: 'userns',
  chroot: 'chroot',
  proot: 'proot',
};

/** Of an ordinary user, and in gVisor, some backends cannot be; elsewhere one that does not work is a failure. */
const mayBeMissing = ({ kernel, caller }: World, backend: BackendName): boolean =>
  kernel === 'gvisor' || (caller === 'user' && backend === 'chroot');

describe.each(['plain', 'gvisor'] as const)('on the %s kernel', (kernel) => {
  describe.each(callers.map((caller) => ({ caller })))('as $caller', ({ caller }) => {
    const needs = capability('upstream', 'gcc', ...(kernel === 'gvisor' ? ['gvisor' as const] : []));
    let world: World;
    beforeAll(async () => {
      if (!needs.skip) world = await makeWorld({ root, caller, kernel, programs, mirror });
    });

    it.skipIf(needs.skip)(`the program finds the host where nothing is in its way${needs.reason}`, async () => {
      const results = parseResults(await world.attackBare());
      const found = [
        'read-by-path',
        'write-by-path',
        'host-home',
        'host-tmp',
        'store-read',
        'proc-environ',
        'proc-cmdline',
        'kill',
        'reach-inet',
        'abstract-socket',
        'path-socket',
        'descriptors',
        'environment',
        'outlive',
      ];
      expect(found.filter((name) => results.get(name)?.outcome !== 'succeeded')).toEqual([]);
    });

    for (const { name: backend, showsTree } of BACKENDS.filter(
      ({ name }, at) => BACKENDS.findIndex((other) => other.name === name) === at,
    )) {
      const known = capabilityOf[backend];
      const can = capability(
        'upstream',
        'gcc',
        ...(kernel === 'gvisor' ? ['gvisor' as const] : []),
        ...(known === undefined ? [] : [known]),
      );
      for (const road of ROADS[kernel].filter(({ needsTree }) => showsTree || !needsTree)) {
        it.skipIf(can.skip)(
          `${backend}, ${road.title}: what its level promises, and no more${can.reason}`,
          async (context) => {
            const verdict = world.verdicts.find(({ name }) => name === backend);
            if (verdict?.works !== true && mayBeMissing(world, backend)) return context.skip(verdict?.reason);
            expect(verdict).toMatchObject({ works: true });
            await expectPromises(road, world, verdict as Verdict);
          },
        );
      }
    }
  });
});

/** Exceptions at full, and whether each was seen to be one. */
const exceptions = new Map<string, boolean>();

async function expectPromises(road: Road, world: World, { name, isolation }: Verdict): Promise<void> {
  const text = await road.run(world, name);
  const results = parseResults(text);
  expect(commandStatus(text), text).toBe(0);
  const circumstances: Circumstances = {
    network: road.network,
    bindsWritable: road.bindsWritable,
    landlock: world.landlock,
  };
  if (isolation === 'full') {
    for (const exception of exceptionsAtFull(circumstances).keys()) {
      exceptions.set(exception, exceptions.get(exception) === true || results.get(exception)?.outcome === 'succeeded');
    }
  }
  expect(differences(results, isolation, circumstances)).toEqual([]);
}

it.skipIf(basics.skip)(`no exception at full is better than its reason${basics.reason}`, () => {
  expect([...exceptions].filter(([, seen]) => !seen).map(([name]) => name)).toEqual([]);
});
