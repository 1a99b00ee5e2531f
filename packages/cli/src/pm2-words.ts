// What those who come from PM2 type first, and what it is called here.

const NONE = 'none; ';

/** A command of PM2 → what to type. */
const WORDS: Readonly<Record<string, string>> = {
  list: 'vhostd status',
  ls: 'vhostd status',
  l: 'vhostd status',
  ps: 'vhostd status',
  jlist: 'vhostd status --json',
  prettylist: 'vhostd status --json',
  monit: 'vhostd top',
  describe: 'vhostd status SITE',
  desc: 'vhostd status SITE',
  show: 'vhostd status SITE',
  info: 'vhostd status SITE',
  log: 'vhostd logs -f',
  reloadLogs: 'vhostd reopen',
  delete: 'vhostd remove SITE',
  del: 'vhostd remove SITE',
  gracefulReload: 'vhostd reload SITE',
  kill: 'vhostd stop, which ends the daemon and all sites',
  ping: 'vhostd status',
  update: 'vhostd upgrade',
  startup: 'vhostd systemd install',
  unstartup: 'vhostd systemd uninstall',
  save: 'none; what vhostd add and start have added is kept',
  dump: 'none; what vhostd add and start have added is kept',
  resurrect: 'vhostd start, or run, which has all again that was added',
  ecosystem: 'vhostd init writes a conf, vhostd import ecosystem.config.js makes one of that',
  sendSignal: 'vhostd signal, with the site before the signal',
  startOrReload: 'vhostd start, or vhostd reload where it runs',
  startOrRestart: 'vhostd start, or vhostd reload where it runs',
  startOrGracefulReload: 'vhostd start, or vhostd reload where it runs',
  reset: 'none; counts begin anew with each worker',
  id: 'vhostd status SITE',
  pid: 'vhostd status SITE',
  slist: 'vhostd status --json',
  report: 'vhostd doctor',
  imonit: 'vhostd top',
  deploy: 'none; copy the release, then vhostd reload SITE',
  serve: 'none; a site of its own serves files',
  logrotate: 'none; logs are rotated; "logRotate" in the conf says how',
  install: 'none; there are no modules; docs/moving.md has each word of PM2',
  link: 'none; vhostd dashboard, and docs/metrics.md for Prometheus',
  plus: 'none; vhostd dashboard, and docs/metrics.md for Prometheus',
};

/** The line for a command that only PM2 has, with the app that is named behind it; undefined for any other. */
export function pm2Suggestion(command: string | undefined, app = ''): string | undefined {
  if (command === undefined || !Object.hasOwn(WORDS, command)) return undefined;
  const written = WORDS[command] ?? '';
  const word = /^[\w.][\w.-]*$/u.test(app) ? written.replace(/\bSITE\b/u, app) : written;
  const needless = word.startsWith(NONE);
  const said = needless
    ? `and none is needed: ${word.slice(NONE.length)}`
    : `what PM2 calls so is here: ${word}`;
  return `vhostd: there is no command '${command}'${needless ? ', ' : '; '}${said}`;
}
