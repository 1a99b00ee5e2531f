// What the tests of a daemon look at: its process, its PID file, its events, its faults.
import assert from 'node:assert/strict';
import { readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import type { Daemon, DaemonEvents } from './index.js';

/** A program with a detached daemon of ./server.js, and what it does with that. */
export function program(body: string, options = `{ detached: true }, false, { log: {} }`): string {
  return `const Daemon = require('@vhostd/daemonize');
    const daemon = new Daemon('shop', './server.js', ${options});
    (async () => { ${body} })();`;
}

/** What the next event of that name carries. */
export function next(daemon: Daemon, event: keyof DaemonEvents): Promise<unknown[]> {
  return new Promise((resolve) => daemon.once(event, (...args: unknown[]) => resolve(args)));
}

/** The pid of a start that was one. */
export function started(result: { status: string; pid?: number }): { pid: number } {
  assert.equal(result.status, 'started');
  return { pid: result.pid ?? 0 };
}

/** Of a process that is there. */
export function identityOf(pid: number): ProcessIdentity {
  const identity = readIdentity(pid);
  assert.ok(identity !== undefined, `no process ${pid}`);
  return identity;
}

/** Of a PID file. */
export function content({ pid, startTime, bootId }: ProcessIdentity): string {
  return `${pid}\n${startTime}\n${bootId}\n`;
}

/** What a fault of ours tells. */
export function narrowed(error: unknown): { code: unknown; message: string; info: Record<string, unknown> } {
  assert.ok(error instanceof Error && 'code' in error && 'info' in error);
  assert.ok(typeof error.info === 'object' && error.info !== null);
  return { code: error.code, message: error.message, info: { ...error.info } };
}
