/** The guards that `npm run mutation` takes out, and the tests that must notice. */

export interface Guard {
  readonly name: string;
  readonly file: string;
  /** Must be there exactly once. */
  readonly from: string;
  readonly to: string;
  readonly tests: readonly string[];
  /** Part of the titles of the tests to run; all, unless given. */
  readonly only?: string;
}

/** @param tests a file of test/hostile, or a path below test with a slash; `FILE: TITLE` for some of its tests only */
function guard(
  name: string,
  [file, from, to]: readonly [file: string, from: string, to: string],
  ...tests: readonly string[]
): Guard {
  const [first = '', only] = (tests[0] ?? '').split(': ');
  const paths = [first, ...tests.slice(1)].map(
    (test) => `test/${test.includes('/') ? test : `hostile/${test}`}.test.ts`,
  );
  return { name, file: `src/${file}`, from, to, tests: paths, ...(only === undefined ? {} : { only }) };
}

const verification = [
  guard(
    'signature of a package',
    ['verify/signatures.ts', 'if (!isRsaSignature({ data, signature: bytes, digest, key })) {', 'if (false) {'],
    'apk',
  ),
  guard(
    'at least one signer',
    ['verify/signatures.ts', 'if (signers.length > 0) return signers;', 'return signers;'],
    'index',
  ),
  guard('data hash', ['formats/apk/data-hash.ts', 'if (got !== expected) throw', 'if (false) throw'], 'apk'),
  guard(
    'data hash that is left to the unpacker',
    ['formats/apk/package-data.ts', 'requireDataHash(source, start, { expected: sha256 });', 'void sha256;'],
    'unpack/unpack-pipeline',
  ),
  guard(
    'data hash that was found on the way',
    [
      'verify/package-file.ts',
      'if (tail?.start === start) compareDataHash(source, { expected: datahash, got: tail.sha256 });',
      'if (tail?.start === start) void tail;',
    ],
    'e2e/damage: large ones',
  ),
  guard(
    'CRC of what another thread inflates',
    ['unpack/inflate.ts', 'requireCrc(source, end, crc);', ''],
    'unpack/unpack-pipeline',
  ),
  guard(
    'questions before jobs',
    ['system/thread/thread.ts', 'if (begun > 0) throw', 'if (begun < 0) throw'],
    'unpack/unpack-pipeline',
  ),
  guard(
    'identity by the index',
    ['verify/package-file.ts', 'if (expected !== undefined) requireIdentity(what, checksum, expected);', ''],
    'index',
  ),
  guard(
    'fields by the index',
    ['verify/package-file.ts', 'if (expected !== undefined) compareWithIndex(what, whole, expected);', ''],
    'index',
  ),
  guard(
    'bytes after an index',
    ['verify/index-file.ts', 'if (member.end !== bytes.length) throw', 'if (false) throw'],
    'index',
  ),
  guard(
    'other files in an index',
    ['verify/index-file.ts', 'if (other !== undefined) throw', "if (other?.name === '') throw"],
    'index',
  ),
  guard(
    'checksums in an index',
    ['formats/apk/index-entry.ts', 'if (C === undefined || !isChecksumText(C)) throw', 'if (C === undefined) throw'],
    'index',
  ),
  guard(
    'duplicate entries in an index',
    ['formats/apk/apkindex.ts', 'else if (owner !== name) throw', 'else if (false) throw'],
    'index',
  ),
  guard(
    'names of packages',
    ['formats/apk/package-fields.ts', 'if (!isName(name)) throw', 'if (name === undefined) throw'],
    'index',
  ),
  guard(
    'names of v3 indexes',
    ['verify/adb-file.ts', "if (names !== '' && names !== USUAL_NAMES) throw", 'if (false) throw'],
    'adb: index',
  ),
  guard(
    'private keys',
    ['verify/key.ts', "if (pem.includes('PRIVATE KEY')) refuse(", 'if (false) refuse('],
    'keys: a directory of keys',
  ),
  guard(
    'small keys',
    ['verify/key.ts', 'if (modulusLength < MIN_BITS || modulusLength > MAX_BITS) refuse(', 'if (false) refuse('],
    'keys: a directory of keys',
  ),
  guard(
    'kinds of keys',
    ['verify/key.ts', "if (key.asymmetricKeyType !== 'rsa') refuse(", 'if (false) refuse('],
    'keys: a directory of keys',
  ),
  guard(
    'a key for its mirror',
    [
      'pipeline/repository/release-indexes.ts',
      'const place = { mirror, keys: mirrorKeys(mirror, session.config.arch),',
      'const place = { mirror, keys: mirrorKeys({ ...mirror, keys: mirrors.flatMap((one) => one.keys) }, session.config.arch),',
    ],
    'keys: given for one mirror',
  ),
  guard(
    'a key for its architecture',
    [
      'pipeline/session/trusted-keys.ts',
      'const arches = arch === undefined ? namesOf(root) : [arch];',
      'const arches = arch === undefined ? [] : namesOf(root);',
    ],
    'keys: of their own architecture',
  ),
  guard(
    'padding of RSA',
    [
      'verify/rsa.ts',
      'return block.length === wanted.length && timingSafeEqual(block, wanted);',
      'return block.subarray(-tail.length).equals(tail) && !timingSafeEqual(Buffer.alloc(1), Buffer.alloc(1, 1));',
    ],
    'rsa',
  ),
  guard(
    'a pin of a minirootfs',
    [
      'verify/minirootfs-file.ts',
      'wanted !== sha512 && found === undefined) {',
      'wanted !== sha512 && found !== undefined) {',
    ],
    'minirootfs: a pin of its name',
  ),
  guard(
    'who signed a release',
    ['verify/pgp-signature.ts', 'if (!fits || !verifier.verify(', 'if (!fits && !verifier.verify('],
    'minirootfs: as its signature',
  ),
  guard(
    'rollback',
    [
      'pipeline/repository/freshness.ts',
      'newest < seen.newest && !config.allowRollback',
      'newest < 0 && !config.allowRollback',
    ],
    'pipeline/repository/freshness',
  ),
];

const formats = [
  guard(
    'what inflates',
    [
      'formats/gzip/gzip-member.ts',
      'if (inflation.inflatedBytes > options.maxBytes) {',
      'if (inflation.inflatedBytes > options.maxBytes * 1000) {',
    ],
    'gzip: stopped at its cap',
  ),
  guard(
    'plain gzip headers',
    ['formats/gzip/gzip-member.ts', "if (kind === 'plain') fail(", "if (kind === 'plain' && flags > 255) fail("],
    'gzip',
    'apk',
  ),
  guard(
    'checksum of gzip',
    ['formats/gzip/gzip-member.ts', 'if (crc !== expected) failAt(', 'if (crc < 0) failAt('],
    'gzip',
  ),
  guard(
    'length of gzip',
    [
      'formats/gzip/gzip-member.ts',
      'if (trailer.readUInt32LE(4) !== inflatedBytes % 2 ** 32) failAt(',
      'if (inflatedBytes < 0) failAt(',
    ],
    'gzip',
  ),
  guard(
    'tar header checksum',
    [
      'formats/tar/tar-header.ts',
      "if (stored === null || Number.parseInt(stored[1] ?? '', 8) !== sum) throw",
      'if (stored === null || sum < 0) throw',
    ],
    'apk',
  ),
  guard(
    'entries after the end',
    ['formats/tar/tar-reader.ts', 'if (reading.zeroBlocks > 0) throw', 'if (reading.zeroBlocks > 1e9) throw'],
    'apk',
  ),
  guard(
    'one length, said twice',
    [
      'formats/tar/tar-reader.ts',
      'if (pax.size !== undefined && pax.size !== header.sizeBytes) throw',
      'if (pax.size === -1) throw',
    ],
    'apk',
  ),
  guard(
    'link targets of files',
    [
      'formats/tar/tar-reader.ts',
      'if (pax.linkpath !== undefined && !isLink) throw',
      "if (pax.linkpath === '' && !isLink) throw",
    ],
    'apk: a link target of',
  ),
  guard(
    'dotted components',
    ['core/paths.ts', "if (part === '.' || part === '..') refuse(", "if (part === '.') refuse("],
    'apk',
    'links',
  ),
  guard(
    'depth of paths',
    ['core/paths.ts', 'if (++depth > limits.pathDepth) {', 'if (++depth > limits.pathDepth * 100) {'],
    'apk',
  ),
  guard(
    'control characters in paths',
    ['core/paths.ts', 'if (/[\\x00-\\x1f\\x7f]/.test(name)) refuse(', 'if (/[\\x00]/.test(name)) refuse('],
    'names: with any control character',
  ),
  guard(
    'hashes in a lock',
    [
      'formats/lock/lockfile-reader.ts',
      "sha256: fields.text('sha256', SHA256) as Sha256Hex,\n    ...(datahash",
      "sha256: (fields.optionalText('sha256', SHA256) ?? '') as Sha256Hex,\n    ...(datahash",
    ],
    'lock',
  ),
  guard(
    'places in a lock',
    [
      'formats/lock/lockfile-reader.ts',
      "location: fields.text('location', LOCATION),",
      "location: fields.text('location', WORD),",
    ],
    'lock',
  ),
  guard(
    'digests in a bundle',
    [
      'ship/bundle.ts',
      'if (entry.sizeBytes !== file.sizeBytes || hashOf(entrySource(source, entry)) !== file.sha256) {',
      'if (entry.sizeBytes !== file.sizeBytes) {',
    ],
    'bundle',
  ),
  guard(
    'names of digests in a bundle',
    ['formats/lock/bundle-manifest.ts', 'const SHA256 = /^[0-9a-f]{64}$/;', 'const SHA256 = /^.{64}$/;'],
    'bundle',
  ),
  guard(
    'strangers in a bundle',
    ['ship/bundle.ts', 'if (stray !== undefined) throw', "if (stray === '') throw"],
    'bundle',
  ),
];

const trees = [
  guard(
    'a walk without links',
    ['system/files/tree-directories.ts', 'constants.O_DIRECTORY | constants.O_NOFOLLOW;', 'constants.O_DIRECTORY;'],
    'tree-swap: writing a file',
  ),
  guard(
    'modes without links',
    ['system/files/tree-directories.ts', 'openSync(entry, O_PATH | constants.O_NOFOLLOW)', 'openSync(entry, O_PATH)'],
    'links: in the last place',
  ),
  guard(
    'checksum of each file',
    ['formats/apk/package-entries.ts', "if (digest.toString('hex') !== wanted) throw", "if (wanted === '') throw"],
    'unpack',
  ),
  guard(
    'a name that comes twice',
    ['formats/apk/package-entries.ts', 'if (seen.has(path)) throw', "if (path === '') throw"],
    'unpack',
  ),
  guard(
    'targets of hard links',
    [
      'formats/apk/package-entries.ts',
      "seen.get(parseTreePath(target)) !== 'file'",
      '!seen.has(parseTreePath(target))',
    ],
    'unpack',
    'links',
  ),
  guard(
    'links of the package itself',
    ['unpack/placement.ts', "if (rules.kindOf(named) === 'symlink') throw", 'if (false) throw'],
    'unpack',
  ),
  guard(
    'names of the database',
    ['formats/apk/package-entries.ts', 'if (DATABASE.test(path)) throw', 'if (false) throw'],
    'unpack',
  ),
  guard(
    'set-id bits',
    [
      'unpack/minirootfs-unpack.ts',
      "(owners === 'apply' ? mode : mode & 0o1777)",
      "(owners === 'apply' ? mode : mode & 0o7777)",
    ],
    'unpack: strips set-id bits',
  ),
  guard(
    'links in place of a tree',
    [
      'system/files/remove-tree.ts',
      'if (!stat.isDirectory()) return unlinkSync(path);',
      'if (stat.isFile()) return unlinkSync(path);',
    ],
    'clean-up: removing a tree',
  ),
  guard(
    'a marker on the store',
    [
      'store/store.ts',
      'if (marker === undefined && others.length > 0) {',
      'if (marker === undefined && others.length > 1e9) {',
    ],
    'clean-up: something else',
  ),
  guard(
    'a snapshot after a restart',
    [
      'store/snapshot-mark.ts',
      'if (mark === undefined || digestOfSizes(snapshotTree(snapshot)) !== mark.sizes) return false;',
      'if (mark === undefined) return false;',
    ],
    'store/store: of an earlier boot',
  ),
  guard(
    'contents of a snapshot after a restart',
    ['store/snapshot-mark.ts', 'if (!(await verify(snapshotTree(snapshot)))) return false;', ''],
    'store/store: of an earlier boot',
  ),
  guard(
    'files of packages in such a snapshot',
    [
      'unpack/tree-contents.ts',
      'recorded !== undefined && contentChecksum(tree, path, recorded.algorithm) === recorded.checksum',
      'recorded !== undefined',
    ],
    'unpack/tree-contents',
  ),
  guard(
    'files of scripts in such a snapshot',
    ['unpack/tree-contents.ts', 'own[path] === sha256Of(tree, path)', 'true'],
    'unpack/tree-contents',
  ),
  guard(
    'a mark on snapshots',
    [
      'store/store.ts',
      'if (!(await isWhole(directory, { readOnly, verify }))) return undefined;',
      'if (namesOf(directory).length === 0) return undefined;',
    ],
    'store: half a snapshot',
  ),
  guard(
    'a lock of another container',
    [
      'system/files/file-lock.ts',
      'if (isOfOurSpace(holder)) return isProcessAlive(holder);',
      'if (holder.pid !== 0) return isProcessAlive(holder);',
    ],
    'store: hold locks against each other',
  ),
  guard(
    'a lock on a disk that others see',
    [
      'system/files/local-disk.ts',
      "kind !== '' && boot !== undefined && kind === ownKind && boot !== ownBoot",
      'boot !== ownBoot',
    ],
    'store: is waited for when it may be',
  ),
  guard(
    'a hash at each opening',
    ['store/blobs.ts', 'if (hashOf(source) === sha256) {', "if (hashOf(source) !== '') {"],
    'store: a blob that',
  ),
  guard(
    'directories of our own',
    ['system/files/make-directories.ts', 'mode = 0o755): void {', 'mode = 0o777): void {'],
    'modes: let nobody else',
  ),
  guard(
    'a lock without a holder',
    ['system/files/file-lock.ts', "if (text === '') return looks < EMPTY_POLLS;", "if (text === '') return true;"],
    'store: of which a power failure',
  ),
  guard(
    'what is remembered is there',
    ['fetch/remembered-fetcher.ts', 'const sound = store.hasBlob(ref.sha256);', 'const sound = true;'],
    'fetch/remembered-fetcher',
  ),
  guard(
    'replacing by a rename',
    [
      'system/files/files.ts',
      'renameSync(temporary, path);\n    if (durable) syncDirectory',
      "writeSync(openSync(path, 'w', mode), typeof bytes === 'string' ? Buffer.from(bytes) : bytes);\n    unlinkSync(temporary);\n    syncDirectory",
    ],
    'store: a record',
  ),
  guard(
    'cached stage trees as they were seen',
    [
      'build/cached-stage-tree.ts',
      'if (found.get(path)?.signature !== signature) return undefined;',
      'if (!found.has(path)) return undefined;',
    ],
    'e2e/build-kept-tree: somebody has changed a file',
  ),
  guard(
    'cached stage trees that steps have changed',
    ['build/tree-history.ts', 'if (step.touched.some((path) => !added.has(path))) return undefined;', ''],
    'e2e/build-kept-tree: has changed a file',
  ),
  guard(
    'cached stage trees of another start',
    [
      'pipeline/session/cached-stage-trees.ts',
      "return boot === bootId() && boot !== '' ? record : undefined;",
      'return record;',
    ],
    'pipeline/session/cached-stage-trees',
  ),
  guard(
    'what an overlay cannot name',
    ['run/overlay/overlay.ts', '/[:,\\\\]/.test(`${tree}${changes}`) || ', ''],
    'run/overlay: the kernel would take for two',
  ),
];

const running = [
  guard(
    'an empty environment',
    ['system/process/spawn.ts', 'env: options.env,', 'env: { ...process.env, ...options.env },'],
    'sandbox-escape: sees no variable',
  ),
  guard(
    'descriptors',
    [
      'system/process/descriptors.ts',
      'if (fd <= 2 || isClosedOnExec(fd)) continue;',
      'if (fd <= 2 || isClosedOnExec(fd) || fd > 2) continue;',
    ],
    'descriptors: of the caller',
  ),
  guard(
    'a session of its own',
    ['run/run-in-tree.ts', "stdio: 'inherit', detached: true });", "stdio: 'inherit' });"],
    'terminal: under userns',
  ),
  guard(
    'a terminal of its own',
    [
      'run/run-in-tree.ts',
      "if (stdio.kind === 'terminal' && host.tools.script !== undefined) {",
      "if (stdio.kind === 'terminal' && host.tools.script !== undefined) return runProcess(argv, { ...shared, stdio: 'inherit' });\n  if (stdio.kind === 'terminal' && host.tools.script !== undefined) {",
    ],
    'terminal: under userns',
  ),
  guard(
    'the end of the last process',
    [
      'run/supervisor/supervisor.c',
      '  return 1;\n}\n\n/* Kernels that list',
      '  return 0;\n}\n\n/* Kernels that list',
    ],
    'seal: is over only',
  ),
  guard(
    'what PRoot leaves in /tmp',
    ['run/supervisor/supervisor.c', '  end_all();\n  sweep();', '  end_all();'],
    'run/supervisor: PRoot',
  ),
  guard(
    'the network namespace',
    [
      'run/bwrap.ts',
      "...(description.network === 'none' ? ['--unshare-net'] : [])",
      "...(description.network !== 'none' ? ['--unshare-net'] : [])",
    ],
    'seal: passes no descriptor',
  ),
  guard(
    'links at mount points',
    [
      'run/mount-plan.ts',
      "else if (found === 'symlink') refuse('is a link of the tree');",
      "else if (found === 'symlink') parent = step;",
    ],
    'sandbox-escape: a mount point that passes a link',
  ),
  guard(
    'working directories',
    [
      'run/run-in-tree.ts',
      'if (backend.showsTree) requireWorkingDirectory(description, tree);',
      'if (!backend.showsTree) requireWorkingDirectory(description, tree);',
    ],
    'descriptors: a working directory',
  ),
  guard(
    'WORKDIR through a link',
    ['build/copy-apply.ts', 'const resolved = target.tree.resolve(path);', 'const resolved = path;'],
    'build: links of a stage',
  ),
  guard(
    'COPY from outside',
    ['build/copy-selection.ts', "if (part === '..') parts.pop();", "if (part === '..') parts.push(part);"],
    'build: does not let a source climb out',
  ),
];

/**
 * The model of docs/security.md, "Isolation": each line of it, and the attempt of test/hostile/escape that notices.
 */
const isolation = [
  guard(
    'the root that is changed',
    ['run/userns.ts', "['pivot'], ['mask']", "['chroot'], ['mask']"],
    'hostile/escape/escape: userns, run --network none',
  ),
  guard(
    'the old root that is left',
    ['run/sandbox/mounts.h', '  require(call(NR_umount2, ".", DETACH, 0, 0), "leave the old root", 0);\n', ''],
    'hostile/escape/escape: userns, run --network none',
  ),
  guard(
    'masks of /proc',
    ['run/userns.ts', "['pivot'], ['mask']", "['pivot']"],
    'hostile/escape/escape: userns, run --network none',
  ),
  guard(
    'masks under bubblewrap',
    ['run/bwrap.ts', "['mask'], ['forget', STARTER]", "['forget', STARTER]"],
    'hostile/escape/escape: bwrap, run --network none',
  ),
  guard(
    'modes of devices',
    ['run/sandbox/mounts.h', '  close_devices();\n', ''],
    'hostile/escape/escape: userns, run --network none',
  ),
  guard(
    'the bounding set',
    ['run/sandbox/sandbox-steps.ts', "['bound', KEPT], ...changed", '...changed'],
    'hostile/escape/escape: bwrap, run --network none',
  ),
  guard(
    'no_new_privs',
    [
      'run/sandbox/rights.h',
      '  require(call6(NR_prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0, 0), "set no_new_privs", 0);\n',
      '',
    ],
    'hostile/escape/escape: chroot, build with USER 1000',
  ),
  guard(
    'the filter of system calls',
    ['run/userns.ts', "['landlock-outside'], ['restrict'], ...filterSteps", "['landlock-outside'], ['restrict']"],
    'hostile/escape/escape: userns, run --network none',
  ),
  guard(
    'the filter under bubblewrap',
    ['run/bwrap.ts', "['landlock-outside'], ['restrict'], ...filterSteps", "['landlock-outside'], ['restrict']"],
    'hostile/escape/escape: bwrap, run --network none',
  ),
  guard(
    'the network that a filter cuts',
    ['run/sandbox/sandbox-steps.ts', "(network === 'none' ? [['filter', 'network'] as const] : [])", '[]'],
    'hostile/escape/escape: proot, run --network none',
  ),
  guard(
    'writes that Landlock holds',
    ['run/sandbox/rights.h', 'landlock.handled = files && version >= 2', 'landlock.handled = !files && version >= 2'],
    'hostile/escape/escape: proot, run --network none',
  ),
  guard(
    'sockets that Landlock keeps apart',
    ['run/sandbox/rights.h', 'version >= 6 ? L_OUTSIDE : 0', 'version >= 60 ? L_OUTSIDE : 0'],
    'hostile/escape/escape: userns, run --network host',
  ),
  guard(
    'cores of programs that crash',
    ['run/sandbox/rights.h', '  call(NR_prlimit, 0, CORE_SIZE, none, 0);\n', ''],
    'hostile/escape/escape: userns, run --network none',
  ),
  guard(
    'isolation that is required',
    [
      'pipeline/session/backend-choice.ts',
      "if (config.requireIsolation && backend.isolation !== 'full') {",
      "if (config.requireIsolation && backend.isolation === 'full') {",
    ],
    'pipeline/session/backend-choice',
  ),
  guard(
    'backends of a project',
    ['pipeline/session/project.ts', 'if (!ISOLATING.includes(name) && keys === undefined) refuse();', ''],
    'project-file',
  ),
  guard(
    'stores of other users',
    [
      'store/store-owner.ts',
      'if (found !== undefined) throw ownerRefusal(found, `the store ${quoteName(root)}`);',
      '',
    ],
    'store-owner',
  ),
  guard(
    'equal keys of an object',
    ['core/json.ts', 'if (duplicate !== undefined) throw new DuplicateKeyError(duplicate);', ''],
    'duplicate-keys',
  ),
  guard('private keys of a mirror', ['mirror/serve.ts', '  refusePrivateKeys(directory);\n', ''], 'mirror-keys'),
  guard(
    'what a mirror serves',
    [
      'mirror/serve.ts',
      'allows: isServedName, allowsContent: isServedContent',
      'allows: () => true, allowsContent: isServedContent',
    ],
    'mirror-keys',
  ),
];

const network = [
  guard(
    'redirects from https to http',
    [
      'system/http/http.ts',
      "if (from.protocol === 'https:' && target.protocol === 'http:') {",
      "if (from.protocol === 'https:' && target.host === '') {",
    ],
    'network-portal',
  ),
  guard(
    'credentials for their origin',
    [
      'system/http/http.ts',
      'const auth = at.origin === url.origin ? authorization : {};',
      "const auth = at.origin !== '' ? authorization : {};",
    ],
    'network-portal',
  ),
  guard(
    'certificates',
    ['system/http/http-dispatcher.ts', 'rejectUnauthorized: true,', 'rejectUnauthorized: false,'],
    'network-certificates',
  ),
  guard(
    'web pages for files',
    [
      'fetch/download.ts',
      'if (progress.blob.sizeBytes() === 0 && isPage(chunk)) throw',
      'if (progress.blob.sizeBytes() < 0 && isPage(chunk)) throw',
    ],
    'network-portal',
  ),
  guard(
    'passwords in events',
    ['fetch/download.ts', 'const shown = redactUrl(url);', 'const shown = url.href;'],
    'secrets: a password of a mirror that refuses',
  ),
  guard(
    'cap of a download',
    ['fetch/download.ts', 'if (size > request.maxBytes) throw', 'if (size > request.maxBytes * 1e6) throw'],
    'network-transfer',
  ),
];

export const GUARDS: Readonly<Record<string, readonly Guard[]>> = {
  verification,
  formats,
  trees,
  running,
  isolation,
  network,
};
