/** The configuration of a test that calls verbs as functions: nothing of the host's, Alpine 3.19, no lock. */
import type { Config } from '../../src/core/config.ts';
import { silent } from '../../src/core/events.ts';

export const testConfig = (more: Partial<Config> = {}): Config => ({
  cache: undefined,
  mirrors: 'auto',
  keys: [],
  arch: 'x86_64',
  release: '3.19',
  backend: undefined,
  requireIsolation: false,
  offline: false,
  refresh: false,
  lock: 'off',
  project: undefined,
  bundle: undefined,
  allowRollback: false,
  maxIndexAgeDays: undefined,
  epochSeconds: undefined,
  caFiles: [],
  clientCertificate: undefined,
  env: {},
  emit: silent,
  signal: undefined,
  ...more,
});
