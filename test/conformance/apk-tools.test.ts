import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCases, runFile } from '../../scripts/conformance.ts';
import { capability, SHARED } from '../helpers/capabilities.ts';

const upstream = capability('upstream');

describe.skipIf(upstream.skip)(`apk-tools' own suite${upstream.reason}`, () => {
  const directory = join(SHARED, 'conformance');
  const files = upstream.skip ? [] : findCases(directory);

  it('has solver cases and version comparisons to run', () => {
    expect(files.filter((path) => path.endsWith('.test')).length).toBeGreaterThan(60);
    expect(files.some((path) => path.endsWith('version.data'))).toBe(true);
  });

  it.each(files.map((path) => [path.slice(directory.length + 1), path]))('%s gives what apk prints', (_, path) => {
    for (const { name, expected, actual } of runFile(path)) expect(actual, name).toEqual(expected);
  });
});
