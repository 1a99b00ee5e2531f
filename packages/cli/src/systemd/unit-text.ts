// The text of vhostd's units, for one systemd and one place. docs/systemd.md says why each line is as it is.

/** What a unit is made for. */
export interface UnitOptions {
  /** Of systemd; options that are newer are left out. */
  readonly version: number;
  /** Of a user's own systemd, or of the machine's. */
  readonly scope: 'user' | 'system';
  /** Absolute paths. */
  readonly node: string;
  readonly program: string;
  /** Absent: of a daemon without a conf. */
  readonly config?: string;
  /** Whom the machine's service runs as. Default: root, for sites with a `user` of their own. */
  readonly serviceUser?: string;
  /** There is a socket unit, too. */
  readonly hasSocket: boolean;
}

/** The first line of what is written, by which it is known again. */
export const UNIT_MARK = '# A unit of vhostd, made by `vhostd systemd`';

/** `vhostd.service`. */
export function serviceUnit(options: UnitOptions): string {
  const sections = [
    [`${UNIT_MARK}; docs/systemd.md says why each line is as it is.`, '[Unit]', ...about(options)],
    ['[Service]', ...supervision(options), ...commands(options)],
    place(options),
    ends(options),
    ['Restart=always', 'RestartPreventExitStatus=2 100 101'],
    ['KillMode=mixed', 'TimeoutStopSec=60'],
    ['Delegate=yes', 'Environment=VHOSTD_CGROUP=delegated'],
    hardening(options),
    ['[Install]', `WantedBy=${options.scope === 'user' ? 'default' : 'multi-user'}.target`],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** `vhostd.socket`. `addresses`: as `ListenStream=` has them. */
export function socketUnit(addresses: readonly string[]): string {
  const sections = [
    [`${UNIT_MARK}; docs/systemd.md says more.`, '[Unit]', 'Description=Listeners of vhostd'],
    ['[Socket]', ...addresses.map((address) => `ListenStream=${address}`), 'NoDelay=true', 'Backlog=4096'],
    ['[Install]', 'WantedBy=sockets.target'],
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function about({ scope, hasSocket }: UnitOptions): string[] {
  return [
    'Description=vhostd, a cluster runtime for Node.js servers',
    // A user's systemd has no such target.
    ...(scope === 'user' ? [] : ['Wants=network-online.target', 'After=network-online.target']),
    ...(hasSocket ? ['Requires=vhostd.socket', 'After=vhostd.socket'] : []),
  ];
}

/** Sites with users of their own are not trusted: only the main process is heard then, and whom it names. */
function supervision(options: UnitOptions): string[] {
  return isRoot(options)
    ? ['Type=notify', 'NotifyAccess=main']
    : ['Type=notify', 'NotifyAccess=all', 'WatchdogSec=60', 'TimeoutAbortSec=5', ...store(options)];
}

/** What a socket unit holds needs no store. A systemd before 254 does not tell the service that it has one. */
function store({ hasSocket, version }: UnitOptions): string[] {
  if (hasSocket) return [];
  const told = version < STORE_TOLD_SINCE ? [`Environment=FDSTORE=${STORE_MAX}`] : [];
  return [`FileDescriptorStoreMax=${STORE_MAX}`, ...told];
}

function commands({ node, program, config }: UnitOptions): string[] {
  const source = config === undefined ? '--no-config' : `--config ${quoted(config)}`;
  const [vhostd, runDir] = [`${quoted(node)} ${quoted(program)}`, '--run-dir ${RUNTIME_DIRECTORY}'];
  return [
    `ExecStart=${vhostd} run ${source} ${runDir}`,
    `ExecReload=${vhostd} reload ${runDir}`,
    `ExecStop=${vhostd} stop ${runDir}`,
  ];
}

function place(options: UnitOptions): string[] {
  const { scope, serviceUser } = options;
  const privileges = [
    'AmbientCapabilities=CAP_NET_BIND_SERVICE',
    'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
  ];
  return [
    ...(scope === 'user' || isRoot(options) ? [] : [`User=${serviceUser ?? 'root'}`, ...privileges]),
    'RuntimeDirectory=vhostd',
    'StateDirectory=vhostd',
    'StateDirectoryMode=0700',
    'LimitNOFILE=65536',
  ];
}

function ends({ version }: UnitOptions): string[] {
  return [
    ...(version < EXIT_TYPE_SINCE ? [] : ['ExitType=cgroup']),
    'SuccessExitStatus=1 102 SIGKILL SIGABRT SIGBUS SIGFPE SIGILL SIGSEGV SIGTRAP',
    'OOMPolicy=continue',
  ];
}

/** A user's systemd may not do most of it. All of it is older than systemd 249. */
function hardening(options: UnitOptions): string[] {
  if (options.scope === 'user') return ['NoNewPrivileges=yes'];
  return [...(isRoot(options) ? [] : ['NoNewPrivileges=yes']), ...HARDENING];
}

function isRoot({ scope, serviceUser = 'root' }: UnitOptions): boolean {
  return scope === 'system' && serviceUser === 'root';
}

/** A word of a command line, systemd.service(5). */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w/.@:+,%$-]+$/u.test(plain) ? plain : `"${plain.replaceAll(/["\\]/gu, '\\$&')}"`;
}

const EXIT_TYPE_SINCE = 250;
const STORE_TOLD_SINCE = 254;
/** Sockets: one for each address. */
const STORE_MAX = 512;

const HARDENING: readonly string[] = [
  'ProtectSystem=full',
  'ProtectHome=read-only',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'LockPersonality=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
];
