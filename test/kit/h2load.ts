// h2load, a load of HTTP/2 that counts what is refused.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

export interface H2loadResult {
  /** Streams that were begun. */
  started: number;
  /** Those that were answered, none refused. */
  succeeded: number;
}

/** Whether h2load is installed; skips the test where it is not. */
export function hasH2load(t: TestContext): boolean {
  if (spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).error === undefined) return true;
  t.skip('h2load is not installed: apt-get install nghttp2-client');
  return false;
}

/** Runs h2load with these arguments and resolves with what it counts. */
export async function runH2load(args: readonly string[]): Promise<H2loadResult> {
  const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += String(chunk)));
  await once(child, 'close');
  const line = /^requests: (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`h2load has counted nothing: ${output}`);
  const counts = Object.fromEntries(
    line.split(', ').map((part) => {
      const [count, name = ''] = part.split(' ');
      return [name, Number(count)];
    }),
  );
  return counts as unknown as H2loadResult;
}

const PROGRAM: string = 'h2load';
