/**
 * The one error class and the one table of its codes. A code's family fixes its exit status, so a script can
 * tell a bad network from a bad signature without reading text.
 */

import { redactData, redactText } from './redact.ts';

interface ErrorRule {
  /** Process exit status. */
  readonly exit: number;
  /** Whether trying the same thing again may help. */
  readonly retry: boolean;
}

const rule = (exit: number, retry = false): ErrorRule => ({ exit, retry });

export const ERRORS = {
  ALP_USAGE_OPTION: rule(2),
  ALP_USAGE_ARGUMENT: rule(2),
  ALP_USAGE_CONFIG: rule(2),
  ALP_USAGE_VERSION: rule(2),

  ALP_FETCH_OFFLINE: rule(3),
  ALP_FETCH_NOT_FOUND: rule(3),
  ALP_FETCH_NETWORK: rule(3, true),
  ALP_FETCH_STATUS: rule(3),
  ALP_FETCH_SERVER: rule(3, true),
  ALP_FETCH_TLS: rule(3),
  ALP_FETCH_PORTAL: rule(3),
  ALP_FETCH_REDIRECT: rule(3),
  ALP_FETCH_SLOW: rule(3, true),
  ALP_FETCH_TRUNCATED: rule(3, true),
  ALP_FETCH_PROXY: rule(3, true),
  ALP_FETCH_MIRRORS: rule(3),

  ALP_VERIFY_SIGNATURE: rule(4),
  ALP_VERIFY_KEY: rule(4),
  ALP_VERIFY_DIGEST: rule(4),
  ALP_VERIFY_STRUCTURE: rule(4),
  ALP_VERIFY_IDENTITY: rule(4),
  ALP_VERIFY_UNKNOWN: rule(4),
  ALP_VERIFY_PROJECT: rule(4),

  ALP_FORMAT_GZIP: rule(5),
  ALP_FORMAT_TAR: rule(5),
  ALP_FORMAT_APK: rule(5),
  ALP_FORMAT_INDEX: rule(5),
  ALP_FORMAT_ADB: rule(5),
  ALP_FORMAT_ELF: rule(5),
  ALP_FORMAT_AR: rule(5),
  ALP_FORMAT_LOCK: rule(5),
  ALP_FORMAT_DOCKERFILE: rule(5),
  ALP_FORMAT_TEXT: rule(5),
  ALP_LIMIT_SIZE: rule(5),
  ALP_LIMIT_COUNT: rule(5),
  ALP_LIMIT_DEPTH: rule(5),

  ALP_SOLVE_UNSATISFIABLE: rule(6),
  ALP_SOLVE_WORLD: rule(6),

  ALP_UNPACK_PATH: rule(7),
  ALP_UNPACK_LINK: rule(7),
  ALP_UNPACK_CONFLICT: rule(7),
  ALP_UNPACK_SPECIAL: rule(7),
  ALP_UNPACK_TREE: rule(7),
  ALP_UNPACK_WRITE: rule(7),

  ALP_BUILD_UNSUPPORTED: rule(8),
  ALP_BUILD_INSTRUCTION: rule(8),
  ALP_BUILD_CONTEXT: rule(8),
  ALP_BUILD_RUN: rule(8),
  ALP_BUILD_STATIC: rule(8),

  ALP_STORE_WRITE: rule(9),
  ALP_STORE_DAMAGED: rule(9),
  ALP_STORE_BUSY: rule(9, true),
  ALP_STORE_FOREIGN: rule(9),
  ALP_STORE_OWNER: rule(9),

  ALP_FILE_READ: rule(12),
  ALP_FILE_WRITE: rule(12),

  ALP_STALE_ROLLBACK: rule(10),
  ALP_STALE_FROZEN: rule(10),
  ALP_STALE_MIRROR: rule(10),
  ALP_STALE_LOCK: rule(10),

  ALP_SCRIPT_FAILED: rule(11),

  ALP_RUN_BACKEND: rule(125),
  ALP_RUN_ISOLATION: rule(125),
  ALP_RUN_MOUNT: rule(125),
  ALP_RUN_OWNERS: rule(125),
  ALP_RUN_EXEC: rule(126),
  ALP_RUN_NOT_FOUND: rule(127),
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetails {
  /** What to do next, one sentence; printed apart from the message. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Machine-readable particulars (offset, expected, got, url …); JSON-safe. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Every failure that alproot foresees. Match on `code`, never on `message`. A plain `Error` is a bug of ours.
 *
 * Messages are lower case, without a final period, and quote names with backquotes; untrusted names pass through
 * `quoteName` of `redact.ts` first. Passwords of URLs are taken out here, so that no error can be made that has one.
 */
export class AlprootError extends Error {
  override readonly name = 'AlprootError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(redactText(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint === undefined ? undefined : redactText(details.hint);
    this.facts = redactData(details.facts ?? {});
  }

  get exitStatus(): number {
    return ERRORS[this.code].exit;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retry;
  }
}

/** True for an AlprootError, of one of `codes` when any are given. */
export function isAlprootError(error: unknown, ...codes: ErrorCode[]): error is AlprootError {
  return error instanceof AlprootError && (codes.length === 0 || codes.includes(error.code));
}

/** Errors of Linux that Node has no name for: a full quota, a file gone from a server. */
const UNNAMED: Readonly<Record<number, string>> = { [-122]: 'EDQUOT', [-116]: 'ESTALE' };

/** The errno name of a Node system error (`ENOENT` …), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, errno } = error as NodeJS.ErrnoException;
  const unnamed = errno === undefined ? undefined : UNNAMED[errno];
  if (unnamed !== undefined) return unnamed;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && !code.startsWith('ERR_') ? code : undefined;
}
