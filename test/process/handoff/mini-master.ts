// Starts a master of a few lines, built wrong or right on purpose: what a storm makes of it shows what it can see.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atEnd } from '../../kit/at-end.js';

/** How the connection is stopped before it is sent: with the public call, or in the handle itself. */
export type MiniMode = 'pause' | 'readStop';

/** Starts one; it ends with the test. */
export async function startMiniMaster(
  t: TestContext,
  mode: MiniMode,
): Promise<{ port: number; hosts: [string, ...string[]] }> {
  const child = fork(fileURLToPath(new URL('./mini-master.child.js', import.meta.url)), [mode], {
    execArgv: [],
  });
  atEnd(t, async () => {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  });
  const [port] = (await once(child, 'message')) as [number];
  return { port, hosts: ['mini.test'] };
}
