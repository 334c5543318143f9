/** What this host allows, tried out. */
import type { Config } from '../../core/config.ts';
import { makeProbeTree } from '../../run/probe-tree.ts';
import { probeBackends, type BackendVerdict } from '../../run/probe.ts';
import { readHostFacts, type HostFacts } from '../../run/host-facts.ts';
import { removeTree } from '../../system/files/remove-tree.ts';
import { withSession } from '../session/session.ts';
import { examineNetwork } from './network-report.ts';

export interface HostReport {
  /**
   * 0: everything that was asked for works; 1: no backend does; else that of the mirrors' failure, 3 when none is
   * reached.
   */
  readonly exitStatus: number;
  readonly text: string;
  readonly value: unknown;
}

/** @param options.network also tries the mirrors */
export const examineHost = (config: Config, options: { readonly network: boolean }): Promise<HostReport> =>
  withSession(config, async (session) => {
    const tree = makeProbeTree(session.store.makeTemporary('probe'));
    try {
      const verdicts = await probeBackends(session.runHost, tree);
      const chosen = verdicts.find(
        ({ name, works }) => works && (config.backend === undefined || config.backend === name),
      );
      const facts = await readHostFacts(session.runHost, session.store.root);
      const network = options.network ? await examineNetwork(session) : undefined;
      const lines = [
        ...formatFacts(facts),
        '',
        ...formatVerdicts(verdicts),
        '',
        chosen === undefined
          ? 'no backend works: commands cannot be run in a tree here'
          : `backend  ${chosen.name} will be used (isolation: ${chosen.isolation})`,
        ...(network === undefined ? [] : ['', network.text]),
      ];
      const exitStatus = network?.exitStatus || (chosen === undefined ? 1 : 0);
      return {
        exitStatus,
        text: lines.join('\n'),
        value: {
          facts,
          backends: verdicts,
          backend: chosen?.name ?? null,
          store: session.store.root,
          ...(network === undefined ? {} : { network: network.mirrors, certificates: network.certificates }),
        },
      };
    } finally {
      removeTree(tree);
    }
  });

const formatFacts = (facts: HostFacts): string[] =>
  facts.map(
    ({ name, value, fix }) =>
      `${name.padEnd(20)} ${value}${fix === undefined ? '' : `\n${' '.repeat(21)}fix: ${fix}`}`,
  );

const formatVerdicts = (verdicts: readonly BackendVerdict[]): string[] =>
  verdicts.flatMap(({ name, works, reason, fix }) => [
    `${works ? 'ok ' : 'no '} ${name.padEnd(8)} ${reason}`,
    ...(fix === undefined ? [] : [`             fix: ${fix}`]),
  ]);
