// Sends what a service tells its systemd, sd_notify(3): a datagram to a Unix socket, with a descriptor or without, which Node
// has no function for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import { nativeCalls } from '@vhostd/transport';

/** Sends one datagram; resolves with why it could not be sent, or undefined. */
export type SendDatagram = (
  address: string,
  content: string,
  passed?: PassedHandle,
) => Promise<string | undefined>;

/** What travels along. Its descriptor is negative once it is closed. */
export interface PassedHandle {
  readonly fd: number;
}

export class NotifySocket {
  readonly #address: string;
  readonly #send: SendDatagram;
  readonly #onFailed: (why: string) => void;
  /** Resolves when all that was told before has been sent. */
  #sent: Promise<void> | undefined;
  #isFailing = false;

  /** `onFailed` is told of the first failure, and of the first one after a success. */
  constructor(address: string, onFailed: (why: string) => void, send: SendDatagram = defaultSender()) {
    this.#address = address;
    this.#onFailed = onFailed;
    this.#send = send;
  }

  /** Sends assignments such as `READY=1`, together and behind those that were told before; `passed` by system call only. */
  tell(assignments: readonly string[], passed?: PassedHandle): void {
    const send = (): Promise<void> => this.#try(assignments.join('\n'), passed);
    const sent = this.#sent === undefined ? send() : this.#sent.then(send);
    this.#sent = sent;
    void sent.then(() => {
      if (this.#sent === sent) this.#sent = undefined;
    });
  }

  async #try(content: string, passed: PassedHandle | undefined): Promise<void> {
    if (passed !== undefined && passed.fd < 0) return;
    const why = await this.#send(this.#address, content, passed);
    if (why !== undefined && !this.#isFailing) this.#onFailed(why);
    this.#isFailing = why !== undefined;
  }
}

/** A system call takes 0.03 ms; where none can be made, the program `systemd-notify` takes 20 ms. */
function defaultSender(): SendDatagram {
  const calls = nativeCalls();
  return calls === undefined
    ? sendByProgram
    : (address, content, passed) => sendByCall(() => calls.sendDatagram(address, content, passed?.fd));
}

/** `send` gives 0 or an errno. A full queue is tried again: systemd is busy. */
export async function sendByCall(send: () => number): Promise<string | undefined> {
  for (let waitedMs = 0; ; waitedMs += FULL_WAIT_MS) {
    const errno = send();
    if (errno === 0) return undefined;
    const name = getSystemErrorName(-errno);
    if (name !== 'EAGAIN' || waitedMs >= FULL_LIMIT_MS) return name;
    await delay(FULL_WAIT_MS);
  }
}

/**
 * It lives until systemd has read what it sent, so without `--no-block`: what came of a process that has ended belongs to no
 * service, and is dropped.
 */
export async function sendByProgram(address: string, content: string): Promise<string | undefined> {
  const program = spawn('systemd-notify', content.split('\n'), {
    env: { PATH: process.env['PATH'], NOTIFY_SOCKET: address },
    stdio: 'ignore',
  });
  try {
    const [code] = (await once(program, 'exit')) as unknown[];
    return code === 0 ? undefined : `systemd-notify exited with code ${String(code)}`;
  } catch (error) {
    return `systemd-notify: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** After so long a full queue is tried again, ms. */
const FULL_WAIT_MS = 50;
/** Until it is given up, ms. */
const FULL_LIMIT_MS = 10_000;
