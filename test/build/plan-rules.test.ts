/**
 * One small Dockerfile for each rule of docker's reference, verified by the plan. Rules that need files are in
 * test/build/rules-*.test.ts.
 */
import { describe, expect, it } from 'vitest';
import type { BuildPlan, PlannedStage, RunStep } from '../../src/build/build-plan.ts';
import { planBuild } from '../../src/build/planner.ts';
import type { PlanOptions } from '../../src/build/planning.ts';

const OPTIONS: PlanOptions = {
  file: 'Dockerfile',
  target: undefined,
  buildArgs: {},
  buildArch: 'x86_64',
  targetArch: 'x86_64',
  runnable: ['x86_64', 'x86'],
  network: 'host',
};

const plan = (text: string, options: Partial<PlanOptions> = {}): BuildPlan =>
  planBuild(text, { ...OPTIONS, ...options });
const target = (built: BuildPlan): PlannedStage => {
  expect(built.refusals).toEqual([]);
  return built.stages.find((stage) => stage.index === built.target)!;
};
const runs = (built: BuildPlan): RunStep[] => target(built).steps.filter((step) => step.kind === 'run');
const env = (built: BuildPlan) => target(built).config.env;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Row {
  readonly rule: string;
  readonly file: string;
  readonly options?: Partial<PlanOptions>;
  readonly see: (built: BuildPlan) => unknown;
  readonly gives: unknown;
}

const rows: Row[] = [
  // FROM
  {
    rule: 'FROM: no tag means latest',
    file: 'FROM alpine',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: 'latest', arch: 'x86_64' },
  },
  {
    rule: 'FROM: a minor release',
    file: 'FROM alpine:3.19',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: '3.19', arch: 'x86_64' },
  },
  {
    rule: 'FROM: edge',
    file: 'FROM alpine:edge',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: 'edge', arch: 'x86_64' },
  },
  {
    rule: 'FROM: the registry may be spelled out',
    file: 'FROM registry.hub.docker.com/library/alpine:3.19.4',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: '3.19.4', arch: 'x86_64' },
  },
  {
    rule: 'FROM: docker.io/library',
    file: 'FROM docker.io/library/alpine:3',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: '3', arch: 'x86_64' },
  },
  {
    rule: 'FROM: index.docker.io',
    file: 'FROM index.docker.io/library/alpine:3.20',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: '3.20', arch: 'x86_64' },
  },
  {
    rule: 'FROM: an owner can stand for an architecture',
    file: 'FROM i386/alpine:3.19',
    see: (p) => target(p).arch,
    gives: 'x86',
  },
  {
    rule: 'FROM: a digest is kept, with a warning',
    file: `FROM alpine:3.19@sha256:${'a'.repeat(64)}`,
    see: (p) => [target(p).base.kind, p.warnings.length],
    gives: ['alpine', 1],
  },
  {
    rule: 'FROM: scratch is empty but for a PATH',
    file: 'FROM scratch\nCOPY a /\nENV PATH=/x:$PATH',
    see: (p) => [target(p).base, env(p)],
    gives: [{ kind: 'scratch' }, { PATH: `/x:${PATH}` }],
  },
  {
    rule: 'FROM: alpine brings PATH and a command',
    file: 'FROM alpine',
    see: (p) => [env(p), target(p).config.cmd],
    gives: [{ PATH }, ['/bin/sh']],
  },
  {
    rule: 'FROM: a stage by name, in any case, lower-case as',
    file: 'FROM alpine as Base\nENV A=1\nFROM BASE',
    see: (p) => [target(p).base, env(p)['A']],
    gives: [{ kind: 'stage', index: 0 }, '1'],
  },
  {
    rule: 'FROM: the latest stage of a name wins',
    file: 'FROM alpine AS a\nFROM scratch AS a\nFROM a',
    see: (p) => target(p).base,
    gives: { kind: 'stage', index: 1 },
  },
  {
    rule: 'FROM: a stage inherits ENV, WORKDIR, USER, SHELL and ARG',
    file: 'FROM alpine AS a\nARG V=1\nENV E=2\nWORKDIR /w\nUSER app\nSHELL ["/bin/ash","-c"]\nFROM a\nRUN x',
    see: (p) => runs(p).map((r) => [r.env['V'], r.env['E'], r.cwd, r.user, r.argv[0]]),
    gives: [['1', '2', '/w', 'app', '/bin/ash']],
  },
  {
    rule: 'FROM: --platform picks the architecture',
    file: 'FROM --platform=linux/386 alpine',
    see: (p) => target(p).arch,
    gives: 'x86',
  },
  {
    rule: 'FROM: --platform=$BUILDPLATFORM',
    file: 'FROM --platform=$BUILDPLATFORM alpine',
    options: { targetArch: 'x86' },
    see: (p) => target(p).arch,
    gives: 'x86_64',
  },
  {
    rule: 'FROM: a name put together from TARGETARCH',
    file: 'FROM alpine AS build-amd64\nFROM alpine AS build-arm64\nFROM build-$TARGETARCH AS out',
    see: (p) => [target(p).base, p.skipped.map((s) => s.name)],
    gives: [{ kind: 'stage', index: 0 }, ['build-arm64']],
  },
  // stages
  {
    rule: 'stages that the target does not need are skipped',
    file: 'FROM golang AS unused\nFROM alpine AS b\nFROM scratch\nCOPY --from=b /x /x',
    see: (p) => [target(p).needs, p.stages.map((s) => s.index), p.skipped.map((s) => s.name)],
    gives: [[1], [1, 2], ['unused']],
  },
  {
    rule: '--target names a stage',
    file: 'FROM alpine AS one\nENV A=1\nFROM scratch',
    options: { target: 'ONE' },
    see: (p) => env(p)['A'],
    gives: '1',
  },
  {
    rule: '--target takes a number',
    file: 'FROM alpine\nFROM scratch',
    options: { target: '0' },
    see: (p) => p.target,
    gives: 0,
  },
  {
    rule: 'COPY --from takes a number',
    file: 'FROM alpine\nFROM scratch\nCOPY --from=0 /a /a',
    see: (p) => target(p).needs,
    gives: [0],
  },
  {
    rule: 'COPY --from ignores case',
    file: 'FROM alpine AS out\nFROM scratch\nCOPY --from=Out /a /a',
    see: (p) => target(p).needs,
    gives: [0],
  },
  {
    rule: 'COPY --from takes an image',
    file: 'FROM scratch\nCOPY --from=alpine:3.19 /bin/busybox /b',
    see: (p) => target(p).steps.map((s) => s.kind === 'copy' && s.from),
    gives: [{ kind: 'alpine', release: '3.19', arch: 'x86_64' }],
  },
  {
    rule: 'a bind mount from a stage makes it needed',
    file: 'FROM alpine AS src\nFROM alpine\nRUN --mount=from=src,target=/m ls',
    see: (p) => target(p).needs,
    gives: [0],
  },
  // ARG
  {
    rule: 'ARG before FROM is seen by FROM',
    file: 'ARG V=3.20\nFROM alpine:$V',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: '3.20', arch: 'x86_64' },
  },
  {
    rule: 'ARG before FROM is not seen in a stage',
    file: 'ARG V=1\nFROM alpine\nRUN x',
    see: (p) => runs(p)[0]?.env['V'],
    gives: undefined,
  },
  {
    rule: 'ARG before FROM comes back when named again',
    file: 'ARG V=1\nFROM alpine\nARG V\nRUN x',
    see: (p) => runs(p)[0]?.env['V'],
    gives: '1',
  },
  {
    rule: 'ARG: a default from another ARG',
    file: 'ARG A=3\nARG B=${A}.19\nFROM alpine:$B',
    see: (p) => target(p).base,
    gives: { kind: 'alpine', release: '3.19', arch: 'x86_64' },
  },
  {
    rule: 'ARG: --build-arg beats the default',
    file: 'FROM alpine\nARG V=1\nRUN x',
    options: { buildArgs: { V: '2' } },
    see: (p) => runs(p)[0]?.env['V'],
    gives: '2',
  },
  {
    rule: 'ARG: counts from its line on',
    file: 'FROM alpine\nENV B=${V:-none}\nARG V=1\nENV C=$V',
    see: (p) => [env(p)['B'], env(p)['C']],
    gives: ['none', '1'],
  },
  {
    rule: 'ARG: ends with its stage',
    file: 'FROM alpine\nARG V=1\nFROM alpine\nRUN x',
    see: (p) => runs(p)[0]?.env['V'],
    gives: undefined,
  },
  {
    rule: 'ARG: without a value is unset, not empty',
    file: 'FROM alpine\nARG V\nENV A=${V-unset}\nRUN x',
    see: (p) => [env(p)['A'], 'V' in runs(p)[0]!.env],
    gives: ['unset', false],
  },
  {
    rule: 'ARG: named again in a stage above one that has it, keeps its value',
    file: 'FROM alpine AS a\nARG V=1\nFROM a\nARG V\nENV A=$V',
    see: (p) => env(p)['A'],
    gives: '1',
  },
  {
    rule: 'ARG: several on one line, the later sees the earlier',
    file: 'FROM alpine\nARG A=1 B=$A\nENV C=$B',
    see: (p) => env(p)['C'],
    gives: '1',
  },
  {
    rule: 'ARG: is environment in RUN but not in the image',
    file: 'FROM alpine\nARG CFLAGS="-O2 -g"\nRUN ./configure',
    see: (p) => [runs(p)[0]?.env['CFLAGS'], env(p)['CFLAGS']],
    gives: ['-O2 -g', undefined],
  },
  {
    rule: 'ARG: wins over an ENV of the same name before it, which stays in the image',
    file: 'FROM alpine\nENV V=env\nARG V=arg\nENV COPIED=$V\nRUN x',
    options: { buildArgs: { V: 'given' } },
    see: (p) => [runs(p)[0]?.env['V'], env(p)['COPIED'], env(p)['V']],
    gives: ['given', 'given', 'env'],
  },
  {
    rule: 'ARG: without a value leaves an ENV of the same name alone',
    file: 'FROM alpine\nENV V=env\nARG V\nRUN x',
    see: (p) => runs(p)[0]?.env['V'],
    gives: 'env',
  },
  {
    rule: 'ARG: an ENV of the same name after it wins, until the next ARG',
    file: 'FROM alpine\nARG V=arg\nENV V=env\nRUN x\nARG V=again\nRUN y',
    see: (p) => runs(p).map((r) => r.env['V']),
    gives: ['env', 'again'],
  },
  {
    rule: 'ARG: wins over an ENV that the stage inherits',
    file: 'FROM alpine AS a\nENV V=env\nFROM a\nRUN x\nARG V=arg\nCOPY f /$V/\nRUN y',
    see: (p) => runs(p).map((r) => r.env['V']),
    gives: ['env', 'arg'],
  },
  {
    rule: 'ENV: wins over an ARG whose name another pair of the line sets',
    file: 'FROM alpine\nARG V=W\nARG W=arg\nENV V=1 $V=env\nRUN x',
    see: (p) => runs(p).map((r) => [r.env['V'], r.env['W']]),
    gives: [['1', 'env']],
  },
  {
    rule: 'FROM: the ENV of a stage wins over its ARG in the next',
    file: 'FROM alpine AS a\nENV V=env\nARG V=arg\nFROM a\nRUN x',
    see: (p) => runs(p)[0]?.env['V'],
    gives: 'env',
  },
  {
    rule: 'ARG: TARGETARCH is known once named',
    file: 'FROM alpine\nARG TARGETARCH TARGETPLATFORM TARGETOS TARGETVARIANT\nENV A=$TARGETPLATFORM-$TARGETARCH-$TARGETOS-$TARGETVARIANT',
    see: (p) => env(p)['A'],
    gives: 'linux/amd64-amd64-linux-',
  },
  {
    rule: 'ARG: TARGETARCH is not known unless named',
    file: 'FROM alpine\nENV A=${TARGETARCH:-no}',
    see: (p) => env(p)['A'],
    gives: 'no',
  },
  {
    rule: 'ARG: proxies need no ARG, stay out of the image and of the steps environment',
    file: 'FROM alpine\nRUN x',
    options: { buildArgs: { HTTPS_PROXY: 'http://p' } },
    see: (p) => [runs(p)[0]?.proxyEnv, runs(p)[0]?.env, p.warnings],
    gives: [{ HTTPS_PROXY: 'http://p' }, { PATH }, []],
  },
  {
    rule: 'ARG: one that nothing takes is warned about',
    file: 'FROM alpine',
    options: { buildArgs: { NOPE: '1' } },
    see: (p) => p.warnings.map((w) => w.message),
    gives: ['build arguments that no ARG takes: `NOPE`'],
  },
  {
    rule: 'ARG: names of object methods mean nothing',
    file: 'ARG constructor\nFROM alpine\nARG toString\nENV A=${toString:-none}',
    see: (p) => env(p)['A'],
    gives: 'none',
  },
  // ENV
  {
    rule: 'ENV: several pairs with quotes and escapes',
    file: 'FROM alpine\nENV A="x y" B=Rex\\ The\\ Dog C=$\'z\'',
    see: (p) => [env(p)['A'], env(p)['B']],
    gives: ['x y', 'Rex The Dog'],
  },
  {
    rule: 'ENV: the legacy form takes the rest of the line',
    file: 'FROM alpine\nENV L x y=z',
    see: (p) => env(p)['L'],
    gives: 'x y=z',
  },
  {
    rule: 'ENV: one line sees only values from before it',
    file: 'FROM alpine\nENV A=old\nENV A=new B=$A\nENV C=$A',
    see: (p) => [env(p)['B'], env(p)['C']],
    gives: ['old', 'new'],
  },
  {
    rule: 'ENV: PATH is extended',
    file: 'FROM alpine\nENV PATH=/opt/bin:$PATH',
    see: (p) => env(p)['PATH'],
    gives: `/opt/bin:${PATH}`,
  },
  {
    rule: 'ENV: an escaped dollar stays',
    file: 'FROM alpine\nENV A=\\$x B=${unset:-\\$y}',
    see: (p) => [env(p)['A'], env(p)['B']],
    gives: ['$x', '$y'],
  },
  {
    rule: 'ENV: a continued value keeps its blanks in quotes',
    file: 'FROM alpine\nENV A="x\\\n  y"',
    see: (p) => env(p)['A'],
    gives: 'x  y',
  },
  // RUN
  {
    rule: 'RUN: the shell form goes to /bin/sh -c unexpanded',
    file: 'FROM alpine\nENV A=1\nRUN echo $A ${A%x} $(date)',
    see: (p) => runs(p)[0]?.argv,
    gives: ['/bin/sh', '-c', 'echo $A ${A%x} $(date)'],
  },
  {
    rule: 'RUN: the exec form needs no shell',
    file: 'FROM alpine\nRUN ["/tool", "--fetch", "$HOME"]',
    see: (p) => runs(p)[0]?.argv,
    gives: ['/tool', '--fetch', '$HOME'],
  },
  {
    rule: 'RUN: a list that is not JSON is shell text',
    file: "FROM alpine\nRUN ['a', 'b']",
    see: (p) => runs(p)[0]?.argv,
    gives: ['/bin/sh', '-c', "['a', 'b']"],
  },
  {
    rule: 'RUN: [ -f x ] is shell text',
    file: 'FROM alpine\nRUN [ -f x ] || echo',
    see: (p) => runs(p)[0]?.argv[2],
    gives: '[ -f x ] || echo',
  },
  {
    rule: 'RUN: comments and blank lines inside a continuation',
    file: 'FROM alpine\nRUN a && \\\n  # why\n\n  b',
    see: (p) => runs(p)[0]?.argv[2],
    gives: 'a &&   b',
  },
  {
    rule: 'RUN: SHELL changes the shell form',
    file: 'FROM alpine\nSHELL ["/bin/busybox","sh","-c"]\nRUN x',
    see: (p) => runs(p)[0]?.argv,
    gives: ['/bin/busybox', 'sh', '-c', 'x'],
  },
  {
    rule: 'RUN: a lone heredoc is the script',
    file: 'FROM alpine\nRUN <<EOF\n# not a comment of the Dockerfile\necho \\\n  hi\nEOF',
    see: (p) => runs(p)[0]?.argv,
    gives: ['/bin/sh', '-c', '# not a comment of the Dockerfile\necho \\\n  hi\n'],
  },
  {
    rule: 'RUN: <<- drops tabs only',
    file: 'FROM alpine\nRUN <<-EOF\n\t  a\n\tEOF',
    see: (p) => runs(p)[0]?.argv[2],
    gives: '  a\n',
  },
  {
    rule: 'RUN: #! in a heredoc picks the interpreter',
    file: 'FROM alpine\nRUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF',
    see: (p) => runs(p)[0]?.script,
    gives: { name: 'EOF', text: '#!/usr/bin/env python3\nprint(1)\n' },
  },
  {
    rule: 'RUN: a heredoc inside a command is the shells',
    file: 'FROM alpine\nRUN cat <<EOF > /x && echo\n$y\nEOF',
    see: (p) => runs(p)[0]?.argv[2],
    gives: 'cat <<EOF > /x && echo\n$y\nEOF',
  },
  {
    rule: 'RUN: a heredoc for another program',
    file: 'FROM alpine\nRUN <<-A bash\n\tcat <<B\n\tx\n\tB\n\tA',
    see: (p) => runs(p)[0]?.argv[2],
    gives: '<<-A bash\n\tcat <<B\n\tx\n\tB\nA',
  },
  {
    rule: 'RUN: flags do not reach the command',
    file: 'FROM alpine\nRUN --network=none --mount=type=cache,target=/c,id=x,sharing=locked make',
    see: (p) =>
      runs(p).map((r) => [
        r.network,
        r.argv[2],
        r.mounts[0]?.type,
        r.mounts[0]?.id,
        r.mounts[0]?.sharing,
        r.mounts[0]?.readOnly,
      ]),
    gives: [['none', 'make', 'cache', 'x', 'locked', false]],
  },
  {
    rule: 'RUN: a mount is a read-only bind unless told otherwise',
    file: 'FROM alpine\nWORKDIR /w\nRUN --mount=target=rel,source=sub x',
    see: (p) => runs(p)[0]?.mounts,
    gives: [{ type: 'bind', source: 'sub', target: '/w/rel', readOnly: true, required: false, sharing: 'shared' }],
  },
  {
    rule: 'RUN: variables in mounts are put in',
    file: 'FROM alpine\nARG D=/cache\nRUN --mount=type=cache,target=$D x',
    see: (p) => runs(p)[0]?.mounts[0]?.target,
    gives: '/cache',
  },
  {
    rule: 'RUN: --network none on the command line beats the default',
    file: 'FROM alpine\nRUN --network=host x',
    options: { network: 'none' },
    see: (p) => runs(p)[0]?.network,
    gives: 'none',
  },
  {
    rule: 'RUN: an ssh mount that is not required is left out',
    file: 'FROM alpine\nRUN --mount=type=ssh x',
    see: (p) => [runs(p)[0]?.mounts, p.warnings.length],
    gives: [[], 1],
  },
  // COPY, ADD
  {
    rule: 'COPY: the JSON form keeps blanks',
    file: 'FROM alpine\nCOPY ["a b", "/c d"]',
    see: (p) => target(p).steps.map((s) => s.kind === 'copy' && [s.sources, s.destination]),
    gives: [[[{ kind: 'path', path: 'a b' }], '/c d']],
  },
  {
    rule: 'COPY: quotes are removed',
    file: 'FROM alpine\nCOPY "a" \'/b\'',
    see: (p) => target(p).steps.map((s) => s.kind === 'copy' && [s.sources[0], s.destination]),
    gives: [[{ kind: 'path', path: 'a' }, '/b']],
  },
  {
    rule: 'COPY: a relative destination hangs off WORKDIR',
    file: 'FROM alpine\nWORKDIR /w\nCOPY a b\nCOPY a .\nCOPY a ./\nCOPY a ../x/',
    see: (p) => target(p).steps.flatMap((s) => (s.kind === 'copy' ? [s.destination] : [])),
    gives: ['/w/b', '/w/', '/w/', '/x/'],
  },
  {
    rule: 'COPY: flags are told apart from paths',
    file: 'FROM alpine\nARG U=app\nCOPY --chown=$U:10 --chmod=755 --link --parents --exclude=*.o a /b',
    see: (p) => target(p).steps.map((s) => s.kind === 'copy' && s.flags),
    gives: [{ chown: 'app:10', chmod: '755', link: true, parents: true, exclude: ['*.o'], keepGitDir: false }],
  },
  {
    rule: 'COPY: a heredoc expands unless quoted',
    file: 'FROM alpine\nENV A=1\nCOPY <<a <<"b" /d/\n$A "x"\na\n$A\nb',
    see: (p) => target(p).steps.flatMap((s) => (s.kind === 'copy' ? s.sources : [])),
    gives: [
      { kind: 'inline', name: 'a', text: '1 "x"\n' },
      { kind: 'inline', name: 'b', text: '$A\n' },
    ],
  },
  {
    rule: 'ADD: tells URLs, git repositories and paths apart',
    file: 'FROM alpine\nADD https://h/x.tgz https://h/r.git git@h:a/b.git d /t/',
    see: (p) => target(p).steps.flatMap((s) => (s.kind === 'add' ? s.sources.map((x) => x.kind) : [])),
    gives: ['url', 'git', 'git', 'path'],
  },
  {
    rule: 'ADD: a git repository with a query',
    file: 'FROM alpine\nARG B=v2.1\nADD https://h/r.git?branch=$B https://h/r.git/x https://h/x?f=r.git /t/',
    see: (p) => target(p).steps.flatMap((s) => (s.kind === 'add' ? s.sources : [])),
    gives: [
      { kind: 'git', url: 'https://h/r.git?branch=v2.1' },
      { kind: 'url', url: 'https://h/r.git/x' },
      { kind: 'url', url: 'https://h/x?f=r.git' },
    ],
  },
  {
    rule: 'ADD: --checksum and --keep-git-dir',
    file: `FROM alpine\nADD --checksum=sha256:${'0'.repeat(64)} --keep-git-dir https://h/x /x`,
    see: (p) => target(p).steps.map((s) => s.kind === 'add' && [s.flags.checksum?.length, s.flags.keepGitDir]),
    gives: [[71, true]],
  },
  // metadata
  {
    rule: 'WORKDIR: relative ones add up, variables are put in',
    file: 'FROM alpine\nENV D=/a\nWORKDIR $D/b\nWORKDIR c\nWORKDIR ../d',
    see: (p) => target(p).config.workdir,
    gives: '/a/b/d',
  },
  {
    rule: 'CMD: shell and exec forms',
    file: 'FROM alpine\nCMD echo $X\nFROM alpine\nCMD ["a","$X"]',
    see: (p) => [plan('FROM alpine\nCMD echo $X').stages[0]?.config.cmd, target(p).config.cmd],
    gives: [
      ['/bin/sh', '-c', 'echo $X'],
      ['a', '$X'],
    ],
  },
  {
    rule: 'ENTRYPOINT: drops the CMD of the base',
    file: 'FROM alpine\nENTRYPOINT ["/e"]',
    see: (p) => [target(p).config.entrypoint, target(p).config.cmd],
    gives: [['/e'], undefined],
  },
  {
    rule: 'ENTRYPOINT: keeps a CMD of its own stage',
    file: 'FROM alpine\nCMD ["x"]\nENTRYPOINT ["/e"]',
    see: (p) => target(p).config.cmd,
    gives: ['x'],
  },
  {
    rule: 'USER: by name, number and variable',
    file: 'FROM alpine\nENV U=app\nUSER $U:1000',
    see: (p) => target(p).config.user,
    gives: 'app:1000',
  },
  {
    rule: 'LABEL: several, with quotes, continued',
    file: 'FROM alpine\nLABEL a="x y" \\\n  com.example.b=1\nLABEL c="$PATH"',
    see: (p) => target(p).config.labels,
    gives: { a: 'x y', 'com.example.b': '1', c: PATH },
  },
  {
    rule: 'EXPOSE: protocol, ranges, and words in a variable',
    file: 'FROM alpine\nENV P="80 443/tcp"\nEXPOSE $P 53/udp 8000-8001',
    see: (p) => target(p).config.exposed,
    gives: ['80/tcp', '443/tcp', '53/udp', '8000/tcp', '8001/tcp'],
  },
  {
    rule: 'EXPOSE: what docker run -p would take counts for its last port, with a warning',
    file: 'FROM alpine\nEXPOSE 8080:80 127.0.0.1:53:5353/udp [::1]:1:2 9000-9001:7000-7001',
    see: (p) => [target(p).config.exposed, p.warnings.length],
    gives: [['80/tcp', '5353/udp', '2/tcp', '7000/tcp', '7001/tcp'], 4],
  },
  {
    rule: 'VOLUME: words or JSON',
    file: 'FROM alpine\nVOLUME /a /b\nVOLUME ["/c d"]',
    see: (p) => target(p).config.volumes,
    gives: ['/a', '/b', '/c d'],
  },
  {
    rule: 'STOPSIGNAL',
    file: 'FROM alpine\nSTOPSIGNAL SIGTERM',
    see: (p) => target(p).config.stopSignal,
    gives: 'SIGTERM',
  },
  {
    rule: 'HEALTHCHECK: options and forms',
    file: 'FROM alpine\nHEALTHCHECK --interval=1m30s --timeout=3s --retries=2 CMD curl -f x || exit 1',
    see: (p) => target(p).config.healthcheck,
    gives: { test: ['CMD-SHELL', 'curl -f x || exit 1'], interval: 90e9, timeout: 3e9, retries: 2 },
  },
  {
    rule: 'HEALTHCHECK NONE',
    file: 'FROM alpine\nHEALTHCHECK NONE',
    see: (p) => target(p).config.healthcheck,
    gives: { test: ['NONE'] },
  },
  {
    rule: 'MAINTAINER',
    file: 'FROM alpine\nMAINTAINER a b <c@d>',
    see: (p) => target(p).config.author,
    gives: 'a b <c@d>',
  },
  {
    rule: 'ONBUILD: is stored, not run',
    file: 'FROM alpine\nONBUILD RUN x',
    see: (p) => [target(p).config.onBuild, runs(p).length],
    gives: [['RUN x'], 0],
  },
  {
    rule: 'ONBUILD: fires first in the child, once',
    file: 'FROM alpine AS a\nONBUILD RUN first\nFROM a AS b\nRUN second\nFROM b\nRUN third',
    see: (p) => [
      p.stages[1]?.steps.flatMap((s) => (s.kind === 'run' ? [s.argv[2], s.trigger] : [])),
      runs(p).map((r) => r.argv[2]),
      target(p).config.onBuild,
    ],
    gives: [['first', true, 'second', undefined], ['third'], []],
  },
  {
    rule: 'directive escape: the backquote',
    file: '# escape=`\nFROM alpine\nRUN a `\n  b\nENV A=C:\\x',
    see: (p) => [runs(p)[0]?.argv[2], env(p)['A']],
    gives: ['a   b', 'C:\\x'],
  },
  {
    rule: 'directive syntax and check are accepted',
    file: '# syntax=docker/dockerfile:1.7\n# check=error=true\nFROM alpine',
    see: (p) => p.refusals,
    gives: [],
  },
  {
    rule: 'keywords ignore case, CRLF is accepted',
    file: 'from alpine\r\nrun a \\\r\n b\r\nCmd ["x"]',
    see: (p) => [runs(p)[0]?.argv[2], target(p).config.cmd],
    gives: ['a  b', ['x']],
  },
];

describe('docker reference, rule by rule', () => {
  it.each(rows)('$rule', ({ file, options, see, gives }) => {
    expect(see(plan(file, options))).toEqual(gives);
  });
});

describe('what is refused before anything runs', () => {
  it.each([
    ['FROM golang:1.22', 1, 'ALP_BUILD_UNSUPPORTED', 'not Alpine'],
    ['FROM alpine\nCOPY --from=busybox /bin/sh /x', 2, 'ALP_BUILD_UNSUPPORTED', 'not Alpine'],
    ['ARG V\nFROM alpine:$V', 2, 'ALP_BUILD_INSTRUCTION', 'not a valid image name'],
    ['FROM alpine\nFOO bar', 2, 'ALP_FORMAT_DOCKERFILE', 'unknown instruction'],
    ['RUN x', 1, 'ALP_FORMAT_DOCKERFILE', 'no build stage'],
    ['', 1, 'ALP_FORMAT_DOCKERFILE', 'no FROM'],
    ['FROM alpine AS 1x', 1, 'ALP_FORMAT_DOCKERFILE', 'invalid stage name'],
    ['FROM alpine\nCOPY a', 2, 'ALP_FORMAT_DOCKERFILE', 'destination'],
    ['FROM alpine\nCOPY a b /c', 2, 'ALP_BUILD_INSTRUCTION', 'several sources'],
    ['FROM alpine\nCOPY --nope a b', 2, 'ALP_FORMAT_DOCKERFILE', '--nope'],
    ['FROM alpine\nCOPY --checksum=x a b', 2, 'ALP_FORMAT_DOCKERFILE', '--checksum'],
    ['FROM alpine\nENV A', 2, 'ALP_FORMAT_DOCKERFILE', 'name=value'],
    ['FROM alpine\nENV A=1 B', 2, 'ALP_FORMAT_DOCKERFILE', 'name=value'],
    ['FROM alpine\nENV A="${X:?give X}"', 2, 'ALP_FORMAT_DOCKERFILE', 'give X'],
    ['FROM alpine\nHEALTHCHECK --retries=x CMD a', 2, 'ALP_FORMAT_DOCKERFILE', '--retries'],
    ['FROM alpine\nARG M=9\nCOPY --chmod=$M a /b', 3, 'ALP_BUILD_INSTRUCTION', 'invalid mode'],
    ['FROM alpine\nVOLUME /a $NONE', 2, 'ALP_BUILD_INSTRUCTION', 'VOLUME needs a path'],
    ['FROM --platform=windows/amd64 alpine', 1, 'ALP_BUILD_UNSUPPORTED', 'no such port'],
    ['FROM alpine\nEXPOSE x', 2, 'ALP_BUILD_INSTRUCTION', 'invalid port'],
    ['FROM alpine\nSHELL /bin/sh', 2, 'ALP_FORMAT_DOCKERFILE', 'JSON'],
    ['FROM alpine\nRUN ["a", 1]', 2, 'ALP_FORMAT_DOCKERFILE', 'strings only'],
    ['FROM alpine\nRUN --security=insecure x', 2, 'ALP_BUILD_UNSUPPORTED', 'insecure'],
    ['FROM alpine\nRUN --network=foo x', 2, 'ALP_FORMAT_DOCKERFILE', 'network'],
    ['FROM alpine\nRUN --mount=type=foo,target=/x x', 2, 'ALP_FORMAT_DOCKERFILE', 'type'],
    ['FROM alpine\nRUN --mount=target=/ x', 2, 'ALP_BUILD_INSTRUCTION', 'root'],
    ['FROM alpine\nRUN --mount=type=ssh,required x', 2, 'ALP_BUILD_UNSUPPORTED', 'agent'],
    ['FROM alpine\nHEALTHCHECK --interval=x CMD y', 2, 'ALP_FORMAT_DOCKERFILE', 'duration'],
    ['FROM alpine\nHEALTHCHECK --interval=999us CMD y', 2, 'ALP_FORMAT_DOCKERFILE', 'less than 1ms'],
    ['FROM alpine\nSTOPSIGNAL SIGFOO', 2, 'ALP_BUILD_INSTRUCTION', 'invalid signal'],
    ['FROM alpine\nSTOPSIGNAL 0', 2, 'ALP_BUILD_INSTRUCTION', 'invalid signal'],
    ['FROM alpine\nSTOPSIGNAL RTMIN+16', 2, 'ALP_BUILD_INSTRUCTION', 'invalid signal'],
    ['FROM alpine\nONBUILD FROM x', 2, 'ALP_FORMAT_DOCKERFILE', 'ONBUILD'],
    ['FROM alpine AS a\nCOPY --from=a /x /y', 2, 'ALP_BUILD_INSTRUCTION', 'itself'],
    ['FROM alpine\nRUN <<EOF\nx', 2, 'ALP_FORMAT_DOCKERFILE', 'unterminated'],
    ['FROM --platform=windows/amd64 alpine', 1, 'ALP_BUILD_UNSUPPORTED', 'no such port'],
    ['FROM --platform=linux/arm64 alpine', 1, 'ALP_BUILD_UNSUPPORTED', 'do not run'],
    ['FROM alpine\nUSER $NOBODY', 2, 'ALP_BUILD_INSTRUCTION', 'empty'],
  ])('%j at line %i', (file, line, code, message) => {
    const [first] = plan(file).refusals;
    expect(first).toEqual(expect.objectContaining({ line, code, message: expect.stringContaining(message) }));
  });

  it('names every line at once', () => {
    expect(plan('FROM alpine\nFOO\nENV A\nCOPY b').refusals.map((refusal) => refusal.line)).toEqual([2, 3, 4]);
  });

  it('names them in the order of the file, whatever needs which', () => {
    const { refusals, stages, skipped } = plan(
      'FROM golang AS go\nFROM ubuntu AS no\nFROM alpine AS a\nRUN --security=insecure x\nFROM a\nCOPY --from=busybox /x /\nCOPY --from=go /x /y',
    );
    expect([
      refusals.map(({ line }) => line),
      stages.map(({ index }) => index),
      skipped.map(({ name }) => name),
    ]).toEqual([[1, 4, 6], [0, 2, 3], ['no']]);
  });

  it('says nothing of a stage that the target does not need', () => {
    expect(plan('FROM golang AS g\nRUN --security=insecure x\nFROM alpine').refusals).toEqual([]);
  });

  it('refuses an unknown target with the names there are', () => {
    expect(() => plan('FROM alpine AS a', { target: 'b' })).toThrow(
      expect.objectContaining({ code: 'ALP_USAGE_OPTION', hint: 'stages: a' }),
    );
  });

  it('is plain JSON', () => {
    const built = plan(
      'ARG V=3.19\nFROM alpine:$V AS a\nENV A=1\nRUN --mount=type=cache,target=/c x\nFROM scratch\nCOPY --from=a /x /\nHEALTHCHECK NONE',
    );
    expect(JSON.parse(JSON.stringify(built))).toEqual(built);
  });
});
