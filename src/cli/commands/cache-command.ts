/** `alproot cache ls|gc|verify|path`. */
import { AlprootError } from '../../core/errors.ts';
import { quoteName } from '../../core/redact.ts';
import { cacheList, cachePath, cacheVerify, collectGarbage } from '../../pipeline/inspect/cache.ts';
import { chooseVerb, text, type CommandAction } from '../command.ts';
import { formatBytes } from '../live-line.ts';

/** @throws ALP_USAGE_OPTION */
function daysOf(value: string | undefined): number | undefined {
  if (value !== undefined && !/^\d{1,6}(?:\.\d+)?$/.test(value))
    throw new AlprootError('ALP_USAGE_OPTION', `--older-than needs a number of days, got ${quoteName(value)}`);
  return value === undefined ? undefined : Number(value);
}

export const cache: CommandAction = async (context) => {
  const { config, printer } = context;
  switch (context.args[0]) {
    case 'path':
      printer.result(cachePath(config), cachePath(config));
      return 0;
    case 'ls': {
      const entries = await cacheList(config);
      printer.result(
        entries
          .map(({ kind, name, sizeBytes }) => `${kind.padEnd(9)} ${formatBytes(sizeBytes).padStart(10)}  ${name}`)
          .join('\n'),
        entries,
      );
      return 0;
    }
    case 'gc': {
      const report = await collectGarbage(config, daysOf(text(context, 'olderThan')));
      const left = report.inUse === 0 ? '' : `; ${report.inUse} that another alproot may be using are left`;
      printer.result(`removed ${report.removed} entries, ${formatBytes(report.freedBytes)}${left}`, report);
      return 0;
    }
    case 'verify': {
      const report = await cacheVerify(config);
      const dropped = report.damaged.map((name) => `\n  dropped ${name}`);
      printer.result(`${report.checked} blobs checked, ${dropped.length} damaged${dropped.join('')}`, report);
      return report.damaged.length === 0 ? 0 : 9;
    }
    default:
      return chooseVerb<number>('cache', { ls: 0, gc: 0, verify: 0, path: 0 }, context.args[0]);
  }
};
