// What those who come from PM2 type first, and what it is called here.

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
  kill: 'vhostd stop',
  ping: 'vhostd status',
  update: 'vhostd upgrade',
  startup: 'vhostd systemd install',
  unstartup: 'vhostd systemd uninstall',
  save: 'no command: what vhostd add and start have added is kept',
  dump: 'no command: what vhostd add and start have added is kept',
  resurrect: 'vhostd run: what was added is there again',
  ecosystem: 'vhostd import ecosystem.config.js makes a conf file',
  sendSignal: 'vhostd signal SITE SIGNAL',
  startOrReload: 'vhostd reload',
  startOrRestart: 'vhostd reload',
  startOrGracefulReload: 'vhostd reload',
  reset: 'no command: nothing is reset',
  id: 'vhostd status SITE',
  pid: 'vhostd status SITE',
  slist: 'vhostd status --json',
  report: 'vhostd doctor',
  imonit: 'vhostd top',
  deploy: 'no command: copy the release, then vhostd reload SITE',
  serve: 'no command: a site of its own serves files',
  logrotate: 'no command: logs are rotated; "logRotate" in the conf says how',
  install: 'no command: there are no modules; docs/moving.md has each word of PM2',
  link: 'no command: vhostd dashboard, and docs/metrics.md for Prometheus',
  plus: 'no command: vhostd dashboard, and docs/metrics.md for Prometheus',
};

/** The line for a command that only PM2 has; undefined for any other. */
export function pm2Suggestion(command: string | undefined): string | undefined {
  if (command === undefined || !Object.hasOwn(WORDS, command)) return undefined;
  return `vhostd: there is no command '${command}'; what PM2 calls so is here: ${WORDS[command]}`;
}
