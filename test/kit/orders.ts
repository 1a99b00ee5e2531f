// What a test and a process that it started say to each other over Node's IPC channel.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Test → process. */
export interface Order {
  id: number;
  command: string;
  params: unknown;
}

/** Process → test: an event, or the answer to an order. */
export type Report =
  | { event: string; data: unknown }
  | { id: number; value: unknown }
  | { id: number; error: { code: string; message: string; stack: string } };

/** What answers the orders of a test, by their command. */
export type Commands = Record<string, (params: unknown) => unknown>;

/** The test's end. */
export class Orders {
  /** What the process reported beside its answers. */
  readonly events: { event: string; data: unknown }[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, (report: Report) => void>();
  #lastId = 0;

  /** @param child forked with a channel. */
  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.on('message', (message) => {
      const report = message as Report;
      if ('event' in report) {
        this.events.push(report);
      } else {
        this.#waiting.get(report.id)?.(report);
        this.#waiting.delete(report.id);
      }
    });
  }

  /** Tells the process that the test has ended. */
  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  /** Lets the process do something; rejects with the error that it had. */
  async give(command: string, params: unknown): Promise<unknown> {
    const id = (this.#lastId += 1);
    const report = await new Promise<Report>((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, command, params }, (error) => error !== null && reject(error));
      void this.#exited.then(() =>
        reject(new Error(`the process has exited before it answered '${command}'`)),
      );
    });
    if ('value' in report) return report.value;
    if (!('error' in report)) return undefined;
    throw Object.assign(new Error(report.error.message), { code: report.error.code });
  }
}

/** The process's end: answers orders, and returns how it reports events. */
export function answerOrders(commands: Commands): (event: string, data: unknown) => void {
  const report = (message: Report): void => void (process.connected && process.send?.(message));
  process.on('message', (order) => {
    if (!isOrder(order)) return;
    const { id, command, params } = order;
    Promise.resolve()
      .then(() => {
        const answer = commands[command];
        if (answer === undefined) throw new Error(`no command ${command}`);
        return answer(params);
      })
      .then(
        (value) => report({ id, value: value ?? null }),
        (error: unknown) => report({ id, error: describe(error) }),
      );
  });
  return (event, data) => report({ event, data });
}

function isOrder(value: unknown): value is Order {
  return typeof value === 'object' && value !== null && 'command' in value;
}

function describe(thrown: unknown): { code: string; message: string; stack: string } {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { code, message: error.message, stack: error.stack ?? '' };
}
