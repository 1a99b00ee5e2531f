// What a measurement was made on: without it a number says nothing.
import { execFile } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** One line per fact. */
export async function describeMachine(): Promise<string[]> {
  const commit = await run('git', ['rev-parse', '--short=12', 'HEAD']);
  const changed = await run('git', ['status', '--porcelain', '--untracked-files=no']);
  const dirty = changed?.stdout === '' ? '' : ' with changes';
  return [
    `cpu      ${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`,
    `memory   ${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    `kernel   ${process.platform} ${release()}`,
    `node     ${process.version}`,
    `commit   ${commit === undefined ? 'unknown' : commit.stdout + dirty}`,
  ];
}

/** Processes that ran or waited for a CPU in the last minute, on average. */
export function loadAverage(): string {
  return loadavg()[0]?.toFixed(2) ?? 'unknown';
}

/** The first line that a program says of its version; `undefined` when it is not installed. */
export async function programVersion(program: string, args: readonly string[]): Promise<string | undefined> {
  const result = await run(program, args);
  return result === undefined ? undefined : `${result.stdout}\n${result.stderr}`.trim().split('\n')[0];
}

function run(
  program: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string } | undefined> {
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  return new Promise((resolve) => {
    execFile(program, [...args], { cwd }, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') resolve(undefined);
      else resolve({ stdout: stdout.trim(), stderr: stderr.trim() });
    });
  });
}
