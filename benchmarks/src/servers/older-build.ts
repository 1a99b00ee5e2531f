// vhostd as it was at an older commit, built in a directory of its own.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** A build that can be started beside the present one. */
export interface OlderBuild {
  /** Its own modules of `processes/`. */
  readonly processes: URL;
  remove(): Promise<void>;
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Exports the commit, installs what it depends on, and builds it; that takes a minute or two.
 * @throws {Error} what git, tar or pnpm say.
 */
export async function buildOlder(commit: string): Promise<OlderBuild> {
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-older-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    const archive = join(directory, 'source.tar');
    await run('git', ['archive', '--output', archive, commit], { cwd: root });
    await run('tar', ['-xf', archive], { cwd: directory });
    await run('npx', ['-y', 'pnpm', 'install', '--frozen-lockfile'], { cwd: directory });
    await run('npx', ['-y', 'pnpm', 'run', 'build'], { cwd: directory });
  } catch (error) {
    await remove();
    throw error;
  }
  return { processes: pathToFileURL(join(directory, 'benchmarks/dist/processes/')), remove };
}
