import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseLock } from '../../src/formats/lock/lockfile-reader.ts';
import { formatLock } from '../../src/formats/lock/lockfile.ts';
import { sampleLock } from '../helpers/locks.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly pattern?: string;
}
type Json = Record<string, unknown>;

const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'alproot.lock.schema.json'), 'utf8'),
) as Schema;

/** Every object in the lock with its schema. */
function* objects(value: unknown, part: Schema): Generator<[Json, Schema]> {
  if (Array.isArray(value)) for (const item of value as unknown[]) yield* objects(item, part.items ?? {});
  else if (typeof value === 'object' && value !== null) {
    yield [value as Json, part];
    for (const [key, inner] of Object.entries(value)) yield* objects(inner, part.properties?.[key] ?? {});
  }
}

/** A value of the right type for a key of a package. */
function valueFor(key: string): string | number | string[] {
  if (key === 'datahash') return 'a'.repeat(64);
  if (/Priority|Size|Time/.test(key)) return 1;
  return /^(?:because|depends|provides|replaces|installIf)$/.test(key) ? ['x'] : 'x';
}

describe('the published schema of locks', () => {
  const lock = JSON.parse(formatLock(sampleLock())) as Json;

  it('knows every key that is written, and its patterns match', () => {
    for (const [object, part] of objects(lock, schema)) {
      for (const [key, value] of Object.entries(object)) {
        expect(Object.keys(part.properties ?? {})).toContain(key);
        const pattern = part.properties?.[key]?.pattern;
        if (pattern !== undefined) expect(value).toMatch(new RegExp(pattern));
      }
    }
  });

  it('allows no key that the reader refuses', () => {
    const packages = schema.properties?.['environments']?.items?.properties?.['packages']?.items?.properties ?? {};
    expect(Object.keys(packages).length).toBeGreaterThan(20);
    for (const key of Object.keys(packages)) {
      const copy = structuredClone(lock) as { environments: { packages: Json[] }[] };
      const item = copy.environments[0]!.packages[0]!;
      item[key] ??= valueFor(key);
      expect(() => parseLock(JSON.stringify(copy)), key).not.toThrow();
    }
  });

  it('requires what the reader requires', () => {
    const packages = schema.properties?.['environments']?.items?.properties?.['packages']?.items;
    for (const key of packages?.required ?? []) {
      const copy = structuredClone(lock) as { environments: { packages: Json[] }[] };
      Reflect.deleteProperty(copy.environments[0]!.packages[0]!, key);
      expect(() => parseLock(JSON.stringify(copy)), key).toThrow(expect.objectContaining({ code: 'ALP_FORMAT_LOCK' }));
    }
  });
});
