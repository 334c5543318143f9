/** What this host allows, tried out. */
import type { Config } from '../core/config.ts';
import { makeProbeTree } from '../run/probe-tree.ts';
import { probeBackends, type BackendVerdict } from '../run/probe.ts';
import { readHostFacts, type HostFacts } from '../run/host-facts.ts';
import { removeTree } from '../system/removal.ts';
import { withSession } from './session.ts';
import { ALPINE_CDN, chooseMirrors } from './mirrors.ts';
import { AlprootError } from '../core/errors.ts';

export interface HostReport {
  readonly healthy: boolean;
  readonly text: string;
  readonly value: unknown;
}

/** @param options.network also tries the mirrors */
export const examineHost = (config: Config, options: { readonly network: boolean }): Promise<HostReport> =>
  withSession(config, async (session) => {
    const tree = makeProbeTree(session.store.makeTemporary('probe'));
    try {
      const verdicts = await probeBackends(session.runHost, tree);
      const chosen = verdicts.find(({ name, works }) => works && (config.backend === undefined || config.backend === name));
      const facts = readHostFacts(session.runHost, session.store.root);
      const network = options.network ? await tryMirrors(config) : undefined;
      const lines = [...formatFacts(facts), '', ...formatVerdicts(verdicts), '', chosen === undefined ? 'no backend works: commands cannot be run in a tree here' : `backend  ${chosen.name} will be used (isolation: ${chosen.isolation})`, ...(network === undefined ? [] : ['', `network  ${network.text}`])];
      return { healthy: chosen !== undefined && network?.works !== false, text: lines.join('\n'), value: { facts, backends: verdicts, backend: chosen?.name ?? null, store: session.store.root, network } };
    } finally {
      removeTree(tree);
    }
  });

const formatFacts = (facts: HostFacts): string[] => facts.map(({ name, value, fix }) => `${name.padEnd(20)} ${value}${fix === undefined ? '' : `\n${' '.repeat(21)}fix: ${fix}`}`);

const formatVerdicts = (verdicts: readonly BackendVerdict[]): string[] =>
  verdicts.flatMap(({ name, works, reason, fix }) => [`${works ? 'ok ' : 'no '} ${name.padEnd(8)} ${reason}`, ...(fix === undefined ? [] : [`             fix: ${fix}`])]);

async function tryMirrors(config: Config): Promise<{ works: boolean; text: string }> {
  try {
    return await withSession({ ...config, refresh: true }, async (session) => {
      if (config.mirrors === 'auto') {
        await session.fetcher.fetch({ base: ALPINE_CDN, path: `latest-stable/releases/${config.arch}/latest-releases.yaml`, maxBytes: 1024 * 1024, attempts: 1 });
        return { works: true, text: `${ALPINE_CDN} answers` };
      }
      const { mirrors } = await chooseMirrors(session);
      return { works: true, text: mirrors.map(({ base }) => base).join(', ') };
    });
  } catch (error) {
    if (!(error instanceof AlprootError)) throw error;
    return { works: false, text: `${error.message}${error.hint === undefined ? '' : `\n         fix: ${error.hint}`}` };
  }
}
