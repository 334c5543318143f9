/**
 * Which repository URLs mean Alpine's own repositories: those of Alpine's hosts and of its well-known public mirrors.
 */

/** Hosts of Alpine's list of mirrors that Dockerfiles like to put in the place of the CDN. */
const MIRROR_HOSTS: ReadonlySet<string> = new Set([
  'alpine.global.ssl.fastly.net',
  'alpine.42.fr',
  'alpine.ethz.ch',
  'alpine.mirror.wearetriple.com',
  'alpine.northrepo.ca',
  'alpine.sakamoto.pl',
  'dl.fedoraproject.org',
  'ftp.acc.umu.se',
  'ftp.halifax.rwth-aachen.de',
  'ftp.tsukuba.wide.ad.jp',
  'mirror.aarnet.edu.au',
  'mirror.bjtu.edu.cn',
  'mirror.cedia.org.ec',
  'mirror.clarkson.edu',
  'mirror.csclub.uwaterloo.ca',
  'mirror.fel.cvut.cz',
  'mirror.freedif.org',
  'mirror.leaseweb.com',
  'mirror.lzu.edu.cn',
  'mirror.math.princeton.edu',
  'mirror.nju.edu.cn',
  'mirror.sjtu.edu.cn',
  'mirror.yandex.ru',
  'mirror1.hs-esslingen.de',
  'mirrors.163.com',
  'mirrors.aliyun.com',
  'mirrors.bfsu.edu.cn',
  'mirrors.cloud.tencent.com',
  'mirrors.dotsrc.org',
  'mirrors.edge.kernel.org',
  'mirrors.gigenet.com',
  'mirrors.hit.edu.cn',
  'mirrors.huaweicloud.com',
  'mirrors.ircam.fr',
  'mirrors.nju.edu.cn',
  'mirrors.ocf.berkeley.edu',
  'mirrors.sjtug.sjtu.edu.cn',
  'mirrors.tencent.com',
  'mirrors.tuna.tsinghua.edu.cn',
  'mirrors.ustc.edu.cn',
  'mirrors.zju.edu.cn',
  'repo.huaweicloud.com',
  'sjc.edge.kernel.org',
]);
const OWN =
  /^https?:\/\/(?:[a-z0-9-]+\.)*alpinelinux\.org(?::\d+)?\/(?:alpine\/)?(v\d+\.\d+|edge|latest-stable)\/([a-z]+)$/i;
const MIRRORED = /^https?:\/\/([^/:@]+)(?::\d+)?\/(?:[^?#]*\/)?alpine\/(v\d+\.\d+|edge|latest-stable)\/([a-z]+)$/i;

export interface OfficialRepository {
  /** `v3.19`, `edge`, `latest-stable`. */
  readonly branch: string;
  /** `main`, `community`, `testing`. */
  readonly section: string;
}

/** @param location without trailing slash @returns undefined for a repository of somebody else's */
export function officialRepository(location: string): OfficialRepository | undefined {
  const own = OWN.exec(location);
  if (own !== null) return { branch: own[1] ?? '', section: own[2] ?? '' };
  const [, host = '', branch = '', section = ''] = MIRRORED.exec(location) ?? [];
  return MIRROR_HOSTS.has(host.toLowerCase()) ? { branch, section } : undefined;
}
