/** A tree that a command may change while it stays as it is. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath, TREE_ROOT, treePathFromUser, type HostPath } from '../../src/core/paths.ts';
import { prepareOverlay, probeOverlay } from '../../src/run/overlay/overlay.ts';
import { openWorkTree } from '../../src/system/tree/work-tree.ts';
import { capability } from '../helpers/capabilities.ts';
import { makeSandbox, type Sandbox } from '../helpers/sandbox.ts';

const isRoot = process.getuid?.() === 0;

/** What would tell of any change to the tree. */
function stateOf(root: HostPath): string[] {
  const tree = openWorkTree(root);
  const lines = [tree.stat(TREE_ROOT)?.signature ?? ''];
  tree.walk((path, { signature, mtime }) => lines.push(`${path} ${mtime} ${signature}`) > 0);
  tree.close();
  return lines;
}

/** Root with root's overlay, and anybody with that of a user namespace. */
for (const ways of isRoot ? [true, false] : [false]) {
  for (const backend of ways ? (['bwrap', 'userns', 'chroot'] as const) : (['bwrap', 'userns'] as const)) {
    const needs = capability('upstream', 'overlay', backend);
    describe.skipIf(needs.skip)(
      `an overlay under ${backend}, ${ways ? 'by root' : 'as an ordinary user mounts it'}${needs.reason}`,
      () => {
        let sandbox: Sandbox;
        let changes: HostPath;
        beforeEach(() => {
          sandbox = makeSandbox({ isRoot: ways });
          changes = hostPath(join(sandbox.root, 'changes'));
          mkdirSync(changes);
        });
        afterEach(() => sandbox.close());

        it('is found to work', async () => expect(await probeOverlay(sandbox.host)).toBe(true));

        it('takes whatever the command changes, and leaves the tree as it is', async () => {
          const before = stateOf(sandbox.tree);
          expect(prepareOverlay(sandbox.tree, changes)).toBe(true);
          const script =
            'rm -r /etc/apk && mkdir /etc/apk && echo x >> /etc/motd && chmod 700 /usr && mv /srv /srv2 && ln /bin/busybox /bin/b && echo y > /new && chmod 700 / && ls -d /etc/apk/* /srv /srv2 2>&1; tail -n 1 /etc/motd; stat -c %a / /usr';
          expect(await sandbox.sh(backend, script, { changes })).toEqual({
            status: 0,
            text: expect.stringMatching(/\/srv2[^]*\nx\n700\n700\n$/) as unknown,
          });
          expect(stateOf(sandbox.tree)).toEqual(before);
          expect(readFileSync(join(changes, 'upper', 'new'), 'utf8')).toBe('y\n');
          expect(readdirSync(join(changes, 'tree'))).toEqual([]);
        });

        it('has places for mounts that the tree has not, and gives the environment and the status on', async () => {
          const before = stateOf(sandbox.tree);
          prepareOverlay(sandbox.tree, changes);
          const source = hostPath(join(sandbox.root, 'source'));
          mkdirSync(source);
          const { status, text } = await sandbox.sh(backend, 'echo in > "$PLACE/f"; env | sort; exit 7', {
            changes,
            mounts: [{ kind: 'bind', source, target: treePathFromUser('/a/b c/d'), writable: true }],
            env: { PATH: '/usr/bin:/bin', PLACE: '/a/b c/d', PS4: 'x', OLDPWD: '/x' },
          });
          expect({ status, text }).toEqual({
            status: 7,
            text: expect.stringMatching(
              /^OLDPWD=\/x\nPATH=\/usr\/bin:\/bin\nPLACE=\/a\/b c\/d\nPS4=x\nPWD=\/\n(?:SHLVL=1\n)?$/,
            ) as unknown,
          });
          expect(readFileSync(join(source, 'f'), 'utf8')).toBe('in\n');
          expect(stateOf(sandbox.tree)).toEqual(before);
        });
      },
    );
  }
}

const needs = capability('upstream', 'bwrap');
describe.skipIf(needs.skip)(`a tree that no overlay can show${needs.reason}`, () => {
  it('is one whose path the kernel would take for two, or for more than it reads', () => {
    const sandbox = makeSandbox();
    try {
      for (const name of ['a:b', 'a,b', 'a\\b', `${'x'.repeat(200)}/`.repeat(12)]) {
        const changes = join(sandbox.root, name);
        mkdirSync(changes, { recursive: true });
        expect(prepareOverlay(sandbox.tree, hostPath(changes))).toBe(false);
      }
    } finally {
      sandbox.close();
    }
  });
});
