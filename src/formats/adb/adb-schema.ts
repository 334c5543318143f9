/**
 * What the fields of v3 indexes and packages are, in their order and under the names of `apk adbdump`.
 *
 * @see apk-tools 3.0 `apk_adb.c`
 */

export type AdbKind =
  | { readonly kind: 'number'; readonly octal?: true }
  | { readonly kind: 'blob'; readonly as: 'text' | 'hex' | 'lines' | 'xattr' }
  | { readonly kind: 'array'; readonly item: AdbKind }
  | { readonly kind: 'object'; readonly fields: readonly AdbField[]; readonly dependency?: true };

export interface AdbField {
  readonly name: string;
  readonly type: AdbKind;
}

const number = { kind: 'number' } as const;
const octal = { kind: 'number', octal: true } as const;
const text = { kind: 'blob', as: 'text' } as const;
const hex = { kind: 'blob', as: 'hex' } as const;
const lines = { kind: 'blob', as: 'lines' } as const;
const list = (item: AdbKind): AdbKind => ({ kind: 'array', item });
const fields = (table: Readonly<Record<string, AdbKind>>): readonly AdbField[] =>
  Object.entries(table).map(([name, type]) => ({ name, type }));

const dependencies = list({
  kind: 'object',
  dependency: true,
  fields: fields({ name: text, version: text, match: number }),
});

/** One package in an index, and what a package says of itself. */
export const ADB_PACKAGE_INFO: AdbKind & { readonly kind: 'object' } = {
  kind: 'object',
  fields: fields({
    name: text,
    version: text,
    hashes: hex,
    description: text,
    arch: text,
    license: text,
    origin: text,
    maintainer: text,
    url: text,
    'repo-commit': hex,
    'build-time': number,
    'installed-size': number,
    'file-size': number,
    'provider-priority': number,
    depends: dependencies,
    provides: dependencies,
    replaces: dependencies,
    'install-if': dependencies,
    recommends: dependencies,
    layer: number,
    tags: list(text),
  }),
};

const acl: AdbKind = {
  kind: 'object',
  fields: fields({ mode: octal, user: text, group: text, xattrs: list({ kind: 'blob', as: 'xattr' }) }),
};
const file: AdbKind = {
  kind: 'object',
  fields: fields({ name: text, acl, size: number, mtime: number, hash: hex, target: hex }),
};
const directory: AdbKind = { kind: 'object', fields: fields({ name: text, acl, files: list(file) }) };
const scripts: AdbKind = {
  kind: 'object',
  fields: fields({
    trigger: lines,
    'pre-install': lines,
    'post-install': lines,
    'pre-deinstall': lines,
    'post-deinstall': lines,
    'pre-upgrade': lines,
    'post-upgrade': lines,
  }),
};

export const ADB_KINDS: { readonly index: AdbKind; readonly package: AdbKind } = {
  index: {
    kind: 'object',
    fields: fields({ description: text, packages: list(ADB_PACKAGE_INFO), 'pkgname-spec': text }),
  },
  package: {
    kind: 'object',
    fields: fields({
      info: ADB_PACKAGE_INFO,
      paths: list(directory),
      scripts,
      triggers: list(text),
      'replaces-priority': number,
    }),
  },
};
