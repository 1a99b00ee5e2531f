// What runs against what should run: facts in, findings out. Pure.
import type { RunDirState } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES, SHOWN_WORKER_STATES } from '@vhostd/protocol';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import type { Finding } from '../check/finding.js';
import { counted } from '../counted.js';
import type { FoundWorker } from './vhostd-processes.js';

export interface Facts {
  readonly runDir: RunDirState;
  /** Why the state directory is refused. */
  readonly stateDirFault: string | undefined;
  /** What the daemon says; undefined where none answers. */
  readonly status: DaemonStatus | undefined;
  /** Why it does not answer. */
  readonly silence: string | undefined;
  /** Whether it has answered, but not what could be understood, as `silence` says. */
  readonly answersOddly?: boolean;
  readonly workers: readonly FoundWorker[];
  /** Of this command. */
  readonly version: string;
  readonly node: string;
  /** The file of the daemon's Node has been replaced or removed. */
  readonly nodeIsGone: boolean;
  /** The sites of the conf file; undefined where none was looked at. */
  readonly wantedSites: readonly string[] | undefined;
}

export function diagnose(facts: Facts): Finding[] {
  return [
    ...runDirFindings(facts),
    ...orphanFindings(facts),
    ...versionFindings(facts),
    ...(facts.status === undefined ? [] : siteFindings(facts.status)),
    ...handoffFindings(facts),
    ...metricsFindings(facts),
    ...confFindings(facts),
  ];
}

function runDirFindings({ runDir, silence, answersOddly = false, status, stateDirFault }: Facts): Finding[] {
  const found = (level: Finding['level'], message: string, todo: string): Finding => ({
    level,
    subject: `run directory ${runDir.path}`,
    message,
    todo,
  });
  const { holder } = runDir;
  const findings =
    runDir.unsafe === undefined
      ? []
      : [
          found(
            'error',
            runDir.unsafe,
            'vhostd run refuses it: correct that, or name another with --run-dir',
          ),
        ];
  for (const name of runDir.foreign) {
    findings.push(
      found(
        'error',
        `holds '${name}', which is not vhostd's`,
        'move it away: vhostd run refuses the directory',
      ),
    );
  }
  for (const { name, uid } of runDir.othersFiles) {
    findings.push(
      found('error', `'${name}' belongs to uid ${uid}`, 'find out who put it there, and remove it'),
    );
  }
  if (runDir.pidFileFault !== undefined) {
    findings.push(
      found('error', `daemon.pid: ${runDir.pidFileFault}`, 'remove it, unless a daemon runs there'),
    );
  }
  if (holder !== undefined && !holder.lives) {
    findings.push(
      found(
        'warning',
        `daemon.pid names process ${holder.pid}, which has ended`,
        'nothing: the next vhostd run takes it over',
      ),
    );
  }
  if (holder?.lives === true && status === undefined) {
    findings.push(
      found(
        'error',
        answersOddly
          ? `its daemon, process ${holder.pid}, answers what this vhostd does not understand: ${silence ?? ''}`
          : `its daemon, process ${holder.pid}, does not answer: ${silence ?? ''}`,
        answersOddly
          ? `it may be of another version, and serve well: ask it with that one, or vhostd upgrade; leave it running`
          : `look at its log; kill -TERM ${holder.pid} ends it`,
      ),
    );
  }
  if (holder?.lives !== true && runDir.hasControlSocket && status === undefined) {
    findings.push(
      found(
        'warning',
        'holds the control socket of a daemon that has ended',
        'nothing: the next vhostd run replaces it',
      ),
    );
  }
  for (const name of runDir.stale) {
    findings.push(
      found(
        'warning',
        `'${name}' was left by a process that was killed`,
        `nothing, or: rm ${runDir.path}/${name}`,
      ),
    );
  }
  if (stateDirFault !== undefined) {
    findings.push({
      level: 'error',
      subject: 'state directory',
      message: stateDirFault,
      todo: 'correct that, or name another with --state-dir: there are no default logs',
    });
  }
  return findings;
}

function orphanFindings({ workers }: Facts): Finding[] {
  return workers
    .filter(({ isOrphan }) => isOrphan)
    .map(({ pid, workerId }) => ({
      level: 'warning',
      subject: `worker ${workerId}, process ${pid}`,
      message: 'has no master any more',
      todo: `it ends with its connections, within drainTimeout; kill -TERM ${pid} ends it before`,
    }));
}

function versionFindings({ status, version, node, nodeIsGone }: Facts): Finding[] {
  if (status === undefined) return [];
  const { daemon } = status;
  const found = (message: string, todo: string): Finding => ({
    level: 'warning',
    subject: 'daemon',
    message,
    todo,
  });
  return [
    ...(daemon.version === version
      ? []
      : [found(`is vhostd ${daemon.version}, this command ${version}`, 'vhostd upgrade')]),
    ...(daemon.node === node
      ? []
      : [
          found(
            `runs on Node ${daemon.node}, this command on ${node}`,
            'vhostd upgrade --node PATH, where that is not meant so',
          ),
        ]),
    ...(nodeIsGone
      ? [
          found(
            'its Node is not on disk any more, as after an update',
            'vhostd upgrade --node PATH: new workers and masters need it',
          ),
        ]
      : []),
  ];
}

function siteFindings({ master, sites }: DaemonStatus): Finding[] {
  const masterless: Finding[] =
    master === undefined
      ? [
          {
            level: 'error',
            subject: 'master',
            message: 'none lives at the moment',
            todo: 'look again in a few seconds, then at the log of the daemon',
          },
        ]
      : [];
  return [...masterless, ...sites.flatMap(siteFinding)];
}

function siteFinding(site: SiteStatus): Finding[] {
  const { siteId, state, reason, workers, waitsFor = [], certificateFaults = [] } = site;
  const found = (level: Finding['level'], message: string, todo: string): Finding[] => [
    { level, subject: `site ${siteId}`, message, todo },
  ];
  const { verdict, phase } = SHOWN_SITE_STATES[state];
  if (verdict === 'failed')
    return found(
      'error',
      `does not run: ${reason ?? ''}`,
      reason?.includes('(EADDRINUSE)') === true
        ? `stop what has it, which ss -ltnp names, or use another port: ${siteId} gets it within seconds once it is free`
        : `vhostd logs ${siteId} --err shows all that it printed`,
    );
  if (phase === 'wait') return found('warning', `waits for ${waitsFor.join(', ')}`, 'see those sites');
  if (verdict === 'off') return found('warning', 'was stopped', `vhostd start ${siteId}`);
  // What the site's own line says of one needs no second one.
  const restarting = workers.filter(
    (worker) =>
      SHOWN_WORKER_STATES[worker.state].fails &&
      (worker.reason === undefined || reason?.includes(worker.reason) !== true),
  );
  return [
    ...(reason === undefined ? [] : found('warning', reason, whatNext(siteId, reason))),
    ...restarting.flatMap((worker) =>
      found(
        'warning',
        `worker ${worker.workerId} is down after ${counted(worker.restarts, 'restart')}: ${worker.reason ?? ''}`,
        `vhostd logs ${siteId} --err`,
      ),
    ),
    ...certificateFaults.flatMap((fault) =>
      found('warning', fault, 'renew it, or see why that failed; vhostd cert has all of it'),
    ),
    ...(site.paused === true
      ? found('warning', 'is paused: its new connections wait', `vhostd resume ${siteId}`)
      : []),
    ...(site.maintenance === undefined
      ? []
      : found('warning', 'answers with its maintenance page', `vhostd maintenance ${siteId} --off`)),
  ];
}

/** What the site has printed tells nothing of a log that takes none. */
function whatNext(siteId: string, reason: string): string {
  return /^its (?:access )?log can't be written/.test(reason)
    ? 'correct that: it is tried again every few seconds, and serving goes on'
    : `vhostd logs ${siteId} --err; then vhostd reload ${siteId}`;
}

function handoffFindings({ status }: Facts): Finding[] {
  const { type, reason } = status?.handoff ?? {};
  if (type === undefined || reason === undefined) return [];
  return [
    {
      level: 'warning',
      subject: 'handoff',
      message: `connections go to workers by ${type}: ${reason}`,
      todo: 'docs/performance.md#transports has what each takes; the next master tries it anew',
    },
  ];
}

function metricsFindings({ status }: Facts): Finding[] {
  const { ipaddress, port, fault, push } = status?.metrics ?? {};
  const found = (message: string, todo: string): Finding => ({
    level: 'warning',
    subject: 'metrics',
    message,
    todo,
  });
  return [
    ...(fault === undefined
      ? []
      : [
          found(
            `vhostd does not answer on port ${port} of ${ipaddress}, health checks neither: ${fault}`,
            'give vhostd that port, or name another in metrics.port: it is tried again every few seconds',
          ),
        ]),
    ...(push?.fault === undefined
      ? []
      : [
          found(
            `the last message did not get to ${push.endpoint}: ${push.fault}`,
            'see to the collector, or correct metrics.otlp: it is told again after each interval',
          ),
        ]),
  ];
}

function confFindings({ status, wantedSites }: Facts): Finding[] {
  if (status === undefined || wantedSites === undefined) return [];
  const running = new Set(status.sites.map(({ siteId }) => siteId));
  const wanted = new Set(wantedSites);
  const found = (siteId: string, message: string): Finding => ({
    level: 'warning',
    subject: `site ${siteId}`,
    message,
    todo: 'vhostd reload reads the conf anew',
  });
  return [
    ...wantedSites
      .filter((siteId) => !running.has(siteId))
      .map((siteId) => found(siteId, 'is in the conf, but not loaded')),
    ...status.sites
      .filter(({ siteId, added }) => added !== true && !wanted.has(siteId))
      .map(({ siteId }) => found(siteId, 'is loaded, but not in the conf')),
  ];
}
