/** The environment of the host's own programs, backends among them: nothing of the caller's. */

/** What they need to run at all. */
export const HOST_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LC_ALL: 'C',
};
