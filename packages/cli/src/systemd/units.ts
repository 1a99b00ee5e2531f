// Puts vhostd's units where systemd finds them, and takes them away.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import { UNIT_MARK } from './unit-text.js';

/** What `systemctl` is asked through. Replaced by tests. */
export interface Systemd {
  /** Where units are written. */
  readonly directory: string;
  /** Whether systemd is this machine's first process, sd_booted(3). */
  readonly isRunning: boolean;
  /** Runs `systemctl` and gives what it printed. @throws {VhostError} ERR_SYSTEMD_FAILED. */
  systemctl(...args: string[]): string;
}

export function systemdOf(scope: 'user' | 'system'): Systemd {
  const home = process.env['XDG_CONFIG_HOME'] ?? path.join(homedir(), '.config');
  return {
    directory: scope === 'user' ? path.join(home, 'systemd', 'user') : '/etc/systemd/system',
    isRunning: existsSync('/run/systemd/system'),
    systemctl: (...args) => systemctl(scope === 'user' ? ['--user', ...args] : args),
  };
}

/** Its version; undefined where there is none. */
export function systemdVersion(systemd: Pick<Systemd, 'systemctl'>): number | undefined {
  try {
    const [, version] = /^systemd (\d+)/u.exec(systemd.systemctl('--version')) ?? [];
    return version === undefined ? undefined : Number(version);
  } catch {
    return undefined;
  }
}

/**
 * Writes units by their names, and enables those of `enable`. Returns the files.
 * @throws {VhostError} ERR_SYSTEMD_NOT_RUNNING, ERR_SYSTEMD_FOREIGN_UNIT (nothing is written then), ERR_SYSTEMD_FAILED.
 */
export function installUnits(
  systemd: Systemd,
  units: Readonly<Record<string, string>>,
  enable: readonly string[],
): string[] {
  assertRunning(systemd);
  const files = Object.entries(units).map(([name, text]) => ({
    file: path.join(systemd.directory, name),
    text,
  }));
  for (const { file } of files) assertOwn(file);
  try {
    mkdirSync(systemd.directory, { recursive: true });
    for (const { file, text } of files) writeFileSync(file, text, { mode: 0o644 });
  } catch (error) {
    throw failed(`cannot write units: ${error instanceof Error ? error.message : String(error)}`);
  }
  systemd.systemctl('daemon-reload');
  systemd.systemctl('enable', ...enable);
  return files.map(({ file }) => file);
}

/**
 * Stops and disables units and removes their files. Returns those that were there.
 * @throws {VhostError} as {@link installUnits}.
 */
export function uninstallUnits(systemd: Systemd, names: readonly string[]): string[] {
  assertRunning(systemd);
  const found = names.filter((name) => existsSync(path.join(systemd.directory, name)));
  const files = found.map((name) => path.join(systemd.directory, name));
  for (const file of files) assertOwn(file);
  if (found.length === 0) return [];
  systemd.systemctl('disable', '--now', ...found);
  for (const file of files) rmSync(file);
  systemd.systemctl('daemon-reload');
  return files;
}

function assertRunning({ isRunning }: Systemd): void {
  if (isRunning) return;
  const message =
    'systemd does not run here: /run/systemd/system is not there; vhostd systemd print shows the unit';
  throw new VhostError('ERR_SYSTEMD_NOT_RUNNING', message);
}

/** A unit that somebody wrote by hand is neither overwritten nor removed. */
function assertOwn(file: string): void {
  if (!existsSync(file) || readFileSync(file, 'utf8').startsWith(UNIT_MARK)) return;
  const message = `${file} was not made by vhostd systemd: move it away first, or edit it by hand`;
  throw new VhostError('ERR_SYSTEMD_FOREIGN_UNIT', message, { info: { file } });
}

function systemctl(args: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync('systemctl', args, { encoding: 'utf8' });
  if (error !== undefined) throw failed(`cannot run systemctl: ${error.message}`);
  if (status !== 0) throw failed(`systemctl ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

function failed(message: string): VhostError {
  return new VhostError('ERR_SYSTEMD_FAILED', message);
}
