/** Audits of a small tree made by hand; test/oracle holds them against the real apk's. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, type TreePath } from '../../src/core/paths.ts';
import {
  DIRECTORY_ACL,
  FILE_ACL,
  type InstalledEntry,
  type InstalledFile,
} from '../../src/formats/apk/installed-db.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { auditTree, formatAudit, type AuditOptions } from '../../src/unpack/audit.ts';
import { pkg } from '../helpers/packages.ts';

let root: string;
const q1 = (content: string): string => `Q1${createHash('sha1').update(content).digest('base64')}`;
const file = (name: string, content: string, mode = 0o644): InstalledFile => ({
  name,
  acl: { ...FILE_ACL, mode },
  checksum: q1(content),
});
const packages: readonly InstalledEntry[] = [
  {
    record: pkg('app-1-r0'),
    directories: [
      { path: 'usr' as TreePath, acl: DIRECTORY_ACL, files: [] },
      { path: 'usr/bin' as TreePath, acl: DIRECTORY_ACL, files: [file('app', 'app', 0o4755), file('link', 'app')] },
      { path: 'etc' as TreePath, acl: DIRECTORY_ACL, files: [file('app.conf', 'a=1')] },
    ],
  },
];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'alproot-audit-'));
  for (const path of ['usr/bin', 'etc']) {
    mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, path), 0o755);
  }
  chmodSync(join(root, 'usr'), 0o755);
  writeFileSync(join(root, 'usr/bin/app'), 'app');
  chmodSync(join(root, 'usr/bin/app'), 0o755);
  symlinkSync('app', join(root, 'usr/bin/link'));
  writeFileSync(join(root, 'etc/app.conf'), 'a=1');
  chmodSync(join(root, 'etc/app.conf'), 0o644);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function audit(options: AuditOptions): string[] {
  const tree = openWorkTree(hostPath(root));
  try {
    return formatAudit(auditTree(tree, { packages }, options), { verbosity: 1, packages: false });
  } finally {
    tree.close();
  }
}

describe('an audit', () => {
  it('finds nothing in a tree as it should be, nor set-id bits that a user cannot have', () => {
    for (const mode of ['packages', 'system', 'backup', 'full'] as const) expect(audit({ mode }), mode).toEqual([]);
    expect(audit({ mode: 'packages', permissions: 'record' })).toEqual([]);
    chmodSync(join(root, 'usr/bin'), 0o700);
    expect(audit({ mode: 'packages', permissions: 'record' })).toEqual(['m usr/bin/']);
  });

  it('tells changed, missing and added files apart, and configuration from the system', () => {
    writeFileSync(join(root, 'usr/bin/app'), 'other');
    rmSync(join(root, 'usr/bin/link'));
    writeFileSync(join(root, 'etc/app.conf'), 'a=2');
    writeFileSync(join(root, 'etc/mine'), '');
    mkdirSync(join(root, 'usr/local/lib'), { recursive: true });
    expect(audit({ mode: 'packages' })).toEqual(['U usr/bin/app', 'X usr/bin/link']);
    expect(audit({ mode: 'system' })).toEqual(['U usr/bin/app', 'X usr/bin/link']);
    expect(audit({ mode: 'backup' })).toEqual(['U etc/app.conf', 'A etc/mine']);
    expect(audit({ mode: 'full' })).toEqual(['U usr/bin/app', 'X usr/bin/link', 'D usr/local/']);
    expect(audit({ mode: 'full', recursive: true })).toContain('d usr/local/lib/');
  });

  it('takes a link for changed when it leads elsewhere, or became a file', () => {
    rmSync(join(root, 'usr/bin/link'));
    symlinkSync('/etc/passwd', join(root, 'usr/bin/link'));
    expect(audit({ mode: 'packages' })).toEqual(['U usr/bin/link']);
    rmSync(join(root, 'usr/bin/link'));
    mkdirSync(join(root, 'usr/bin/link'));
    expect(audit({ mode: 'packages' })).toEqual(['U usr/bin/link']);
  });

  it('names each package once', () => {
    rmSync(join(root, 'usr/bin'), { recursive: true });
    const tree = openWorkTree(hostPath(root));
    const findings = auditTree(tree, { packages }, { mode: 'packages' });
    tree.close();
    expect(findings).toHaveLength(2);
    expect(formatAudit(findings, { verbosity: 1, packages: true })).toEqual(['app-1-r0']);
    expect(formatAudit(findings, { verbosity: 0, packages: true })).toEqual(['app']);
  });
});
