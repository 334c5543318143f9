/** `alproot verify FILE…`: which key or pin vouches for each file. */
import { AlprootError } from '../../core/errors.ts';
import { showName } from '../../core/redact.ts';
import type { Voucher } from '../../core/verified.ts';
import { verifyPaths } from '../../index.ts';
import type { CommandAction } from '../command.ts';

export const verify: CommandAction = async (context) => {
  let status = 0;
  for (const { path, verdict } of await verifyPaths(context.config, context.args, { directory: context.place.cwd })) {
    if (verdict instanceof AlprootError) {
      context.printer.error(new AlprootError(verdict.code, `${showName(path)}: ${verdict.message}`, { hint: verdict.hint, cause: verdict, facts: { ...verdict.facts, path } }));
      status ||= verdict.exitStatus;
    } else {
      const line = `${showName(path)}: ${verdict.kind} ${showName(verdict.name)}: ok, ${verdict.vouchers.map(sentence).join('; ') || 'sound, but signed by no key that is trusted here'}`;
      context.printer.result(line, { path, ...verdict });
    }
  }
  return status;
};

function sentence(voucher: Voucher): string {
  switch (voucher.kind) {
    case 'key':
      return `signed by ${showName(voucher.keyName)} (RSA, ${voucher.algorithm.toUpperCase()})`;
    case 'pin':
      return `pinned in ${voucher.source} (${voucher.algorithm.toUpperCase()})`;
    case 'index':
      return `listed in ${voucher.repository}`;
    case 'pgp':
      return `OpenPGP key ${voucher.fingerprint}`;
  }
}
