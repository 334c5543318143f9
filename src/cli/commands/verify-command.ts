/** `alproot verify FILE…`: by which key or pin each file is verified. */
import { resolve } from 'node:path';
import { AlprootError, ERRORS } from '../../core/errors.ts';
import { hostPath } from '../../core/paths.ts';
import { showName } from '../../core/redact.ts';
import type { Signer } from '../../core/verified.ts';
import { verifyDeep } from '../../pipeline/inspect/verify-deep.ts';
import { verifyPaths } from '../../pipeline/inspect/verify-files.ts';
import { isOn, type CommandAction, type CommandContext } from '../command.ts';

export const verify: CommandAction = async (context) => {
  if (isOn(context, 'deep')) return verifyTrees(context);
  let status = 0;
  for (const { path, verdict } of await verifyPaths(context.config, context.args, {
    directory: context.environment.cwd,
  })) {
    if (verdict instanceof AlprootError) {
      context.printer.error(
        new AlprootError(verdict.code, `${showName(path)}: ${verdict.message}`, {
          hint: verdict.hint,
          cause: verdict,
          facts: { ...verdict.facts, path },
        }),
      );
      status ||= verdict.exitStatus;
    } else {
      const { kind, name, signers } = verdict;
      const trust = signers.map(sentence).join('; ') || UNSIGNED[kind === 'tree' ? 'tree' : 'file'];
      context.printer.result(`${showName(path)}: ${kind} ${showName(name)}: ok, ${trust}`, { path, ...verdict });
    }
  }
  return status;
};

const UNSIGNED = {
  file: 'sound, but signed by no key that is trusted here',
  tree: 'its files are what its database says (--deep holds them against signed packages)',
};

/** Everything unexpected is listed; the status is that of a wrong digest. */
async function verifyTrees({ config, args, environment, printer }: CommandContext): Promise<number> {
  let status = 0;
  for (const path of args) {
    const { packages, proven, findings } = await verifyDeep(config, hostPath(resolve(environment.cwd, path)));
    const wrong = findings.filter(({ reason }) => reason !== 'edited' && reason !== 'generated');
    const lines = findings
      .filter(({ reason }) => reason !== 'generated')
      .map((finding) => {
        const owner = finding.package === undefined ? '' : ` (${finding.package})`;
        return `  ${finding.reason.padEnd(8)} ${finding.path}${owner}`;
      });
    const [outcome, rest] = wrong.length === 0 ? ['ok', ''] : ['not ok', `, ${wrong.length} not`];
    const summary = `${showName(path)}: ${outcome}, ${proven} files proven by ${packages} signed packages${rest}`;
    printer.result([summary, ...lines].join('\n'), { path, packages, proven, findings });
    if (wrong.length > 0) status ||= ERRORS.ALP_VERIFY_DIGEST.exit;
  }
  return status;
}

function sentence(signer: Signer): string {
  switch (signer.kind) {
    case 'key':
      return `signed by ${showName(signer.keyName)} (RSA, ${signer.algorithm.toUpperCase()})`;
    case 'pin':
      return `pinned in ${signer.source} (${signer.algorithm.toUpperCase()})`;
    case 'index':
      return `listed in ${signer.repository}`;
    case 'pgp':
      return `OpenPGP key ${signer.fingerprint}`;
  }
}
