// The exit codes of a daemon and of the command line: the one table of them.
import { VhostError } from '@vhostd/protocol';

/**
 * What an exit code means. Under systemd, `RestartPreventExitStatus=2 100 101` names those that another try
 * does not help.
 */
export const EXIT_CODES = {
  /** Done; a daemon that was told to stop. */
  ok: 0,
  /** It failed in a way that has no code of its own; a reload of which a site failed, an upgrade. */
  failed: 1,
  /** Wrong use of the command line. */
  usage: 2,
  /** No daemon is running. The Linux Standard Base's code for it (LSB 5.0, Init Script Actions). */
  notRunning: 3,
  /** The conf can't be had: absent, unreadable, or wrong. */
  badConf: 100,
  /** Another daemon is running in that run directory. */
  alreadyRunning: 101,
  /** The master ended more often than its restart policy allows. */
  masterErrored: 102,
} as const;

/** One of {@link EXIT_CODES}. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** The exit code of a process that ends because of this error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof VhostError)) return EXIT_CODES.failed;
  if (error.code.startsWith('ERR_CONF_')) return EXIT_CODES.badConf;
  return BY_ERROR[error.code] ?? EXIT_CODES.failed;
}

const BY_ERROR: Record<string, ExitCode> = {
  ERR_DAEMON_NOT_RUNNING: EXIT_CODES.notRunning,
  ERR_DAEMON_RUNNING: EXIT_CODES.alreadyRunning,
  ERR_DAEMON_SEVERAL: EXIT_CODES.usage,
  ERR_SITE_OPTION: EXIT_CODES.usage,
  ERR_MASTER_ERRORED: EXIT_CODES.masterErrored,
};
