// The response object of a caller: where a Daemon tells what happens besides its events. Each part is optional.

/** Levels of a response's log. */
export type ResponseLevel = 'verb' | 'info' | 'warn' | 'err' | 'dbg';

/** What a Daemon takes of the response object. A method that is missing is not called; one that throws is ignored. */
export interface DaemonResponse {
  /** Without a `log`, warnings and errors go to standard error, and the lines of the process to stdout and stderr. */
  log?: { readonly [Level in ResponseLevel]?: ((message: string) => void) | undefined } | undefined;
  /** `send` gets each event of the Daemon: the topic `daemon.NAME.EVENT`, and what the event carries. */
  events?: { readonly send?: ((topic: string, data: unknown) => void) | undefined } | undefined;
}

/** A response object, or what stands for it where none is given. */
export class Response {
  readonly #given: DaemonResponse;

  constructor(given: DaemonResponse | null | undefined) {
    this.#given = given ?? {};
  }

  log(level: ResponseLevel, message: string): void {
    const { log } = this.#given;
    if (log === undefined || log === null) {
      if (level === 'warn' || level === 'err') process.stderr.write(`${message}\n`);
      return;
    }
    quietly(() => log[level]?.(message));
  }

  /** A line that the process wrote. */
  line(stream: 'stdout' | 'stderr', line: string): void {
    const { log } = this.#given;
    if (log === undefined || log === null) process[stream].write(`${line}\n`);
    else this.log(stream === 'stdout' ? 'info' : 'warn', line);
  }

  send(topic: string, data: unknown): void {
    const { events } = this.#given;
    quietly(() => events?.send?.(topic, data));
  }
}

/** A caller's log must not decide whether a process is started or stopped. */
function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // the caller's own business
  }
}
