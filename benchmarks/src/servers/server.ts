// A server under test: how it is started, and what is known of it while it runs.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Load } from '../load/load-plan.js';
import type { Ready } from '../processes/ready.js';

/** One of the servers that a question compares. */
export interface Contender {
  readonly name: string;
  /** What it is asked in another way than the others. */
  readonly load?: Partial<Load>;
  /** Resolves when it serves with all its workers; why not, when it can't be run on this machine. */
  start(): Promise<Running | { unavailable: string }>;
}

/** A contender that serves. */
export interface Running {
  readonly port: number;
  /** The hosts that it answers for. */
  readonly hosts: readonly string[];
  /** It speaks TLS. */
  readonly secure?: boolean;
  /** The process that clients connect to. */
  readonly pid: number;
  readonly workerPids: readonly number[];
  /** Collects the garbage of {@link pid}, where it is a Node process. */
  collectGarbage(): Promise<void>;
  stop(): Promise<void>;
}

/** A Node process of `processes/`, once it has said that it is ready. */
export interface ServerProcess extends Ready {
  readonly child: ChildProcess;
  readonly pid: number;
  collectGarbage(): Promise<void>;
  stop(): Promise<void>;
}

/** The modules of the present build. */
export const PROCESSES: URL = new URL('../processes/', import.meta.url);

/**
 * Starts a module of `processes/` with arguments; of another build with that one's.
 * @throws {Error} with its output when it ends before it is ready.
 */
export async function startProcess(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
  processes: URL = PROCESSES,
): Promise<ServerProcess> {
  const child = fork(fileURLToPath(new URL(`${name}.js`, processes)), [...args], {
    env: { ...process.env, ...env },
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARS);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once('error', reject);
    child.once('message', (message) => resolve(message as Ready));
    void exited.then(() => reject(new Error(`${name} ended before it was ready\n${output}`)));
  });
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(timer);
  };
  const collectGarbage = async (): Promise<void> => {
    const done = new Promise<void>((resolve) => child.once('message', () => resolve()));
    child.send('collect');
    await done;
  };
  return { child, pid: child.pid ?? 0, port: ready.port, workerPids: ready.workerPids, collectGarbage, stop };
}

/** How much of a process's output is kept for an error. */
const OUTPUT_CHARS = 4000;
const STOP_LIMIT_MS = 5000;
