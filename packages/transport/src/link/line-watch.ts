// Judges each line that a child writes to Node's IPC channel: names the first that Node must not see.
import { GatheredBytes } from './gathered-bytes.js';

/** What is known of one read of the channel, and of the channel at that time. */
export interface LineRead {
  /** A handle came with it. */
  handle: boolean;
  /** Node waits for the acknowledgement of a handle that it sent; Node's code asserts it when one comes. */
  awaitsAck: boolean;
  /** The child has not taken all that was written to it. */
  answersWait: boolean;
}

/** What a line makes Node do. */
type LineEffect = 'nothing' | 'acknowledges' | 'answers' | 'takes a handle';

export class LineWatch {
  readonly #maxLineBytes: number;
  readonly #allowHandles: boolean;
  readonly #gathered = new GatheredBytes();
  /** A handle came with the line that is being gathered. */
  #carriesHandle = false;
  #sawOnline = false;
  #goodBytes = 0;
  /** Lines that Node answered since the child last took all of its answers. */
  #answeredCount = 0;

  constructor(maxLineBytes: number, allowHandles: boolean) {
    this.#maxLineBytes = maxLineBytes;
    this.#allowHandles = allowHandles;
  }

  /** Of the read that was refused, the bytes of the lines before the fault. */
  get goodBytes(): number {
    return this.#goodBytes;
  }

  /** Takes one read; returns what is wrong with it, or undefined. */
  push(chunk: Buffer, read: LineRead): string | undefined {
    this.#goodBytes = 0;
    if (read.handle && !this.#allowHandles) return 'a handle on the channel';
    if (!read.answersWait) this.#answeredCount = 0;
    let awaitsAck = read.awaitsAck;
    let lastTakesHandle = false;
    // A descriptor comes with the first byte that it was sent with, and ends the read: its line is the last one
    // that begins here, so a line that was begun earlier is not it.
    let beginsHere = this.#gathered.length === 0;
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const rest = chunk.subarray(from, end);
      if (this.#gathered.length + rest.length > this.#maxLineBytes) return this.#tooLong();
      if (!beginsHere) this.#gathered.append(rest);
      const line = beginsHere ? rest : this.#gathered.take();
      const effect = this.#judge(line.toString('utf8'));
      if (typeof effect !== 'string') return effect.violation;
      lastTakesHandle = beginsHere && effect === 'takes a handle';
      if (this.#carriesHandle && effect !== 'takes a handle')
        return 'a handle with a message that takes none';
      this.#carriesHandle = false;
      if (effect === 'acknowledges') {
        if (!awaitsAck) return 'an acknowledgement of nothing';
        awaitsAck = false;
      } else if (effect !== 'nothing') {
        this.#answeredCount += 1;
        if (this.#answeredCount > ANSWERS_MAX_COUNT) return 'more messages than it takes answers';
      }
      from = end + 1;
      this.#goodBytes = from;
      beginsHere = true;
    }
    this.#gathered.append(chunk.subarray(from));
    if (this.#gathered.length > this.#maxLineBytes) return this.#tooLong();
    if (!read.handle) return undefined;
    this.#carriesHandle = from < chunk.length && beginsHere;
    return this.#carriesHandle || lastTakesHandle ? undefined : 'a handle with a message that takes none';
  }

  #tooLong(): string {
    return `a line of more than ${this.#maxLineBytes} bytes`;
  }

  #judge(line: string): LineEffect | { violation: string } {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return { violation: 'a line that is not JSON' };
    }
    if (!isInternal(message)) return 'nothing';
    const { cmd, act, type, msg } = message;
    if (cmd === 'NODE_CLUSTER' && !('ack' in message)) {
      if (act === 'online' && !this.#sawOnline) {
        this.#sawOnline = true;
        return 'nothing';
      }
      // What `cluster.worker.disconnect()` asks for.
      if (act === 'exitedAfterDisconnect') return 'answers';
    }
    if (this.#allowHandles) {
      if (cmd === 'NODE_HANDLE_ACK' || cmd === 'NODE_HANDLE_NACK') return 'acknowledges';
      // Node unwraps the message within and would obey it.
      if (cmd === 'NODE_HANDLE' && type === 'net.Native' && !isInternal(msg)) return 'takes a handle';
    }
    return {
      violation: `a forged message '${cmd}${typeof act === 'string' ? ` ${act}` : ''}'`.slice(0, 200),
    };
  }
}

/** Whether Node takes a message for one of its own. */
function isInternal(message: unknown): message is Record<string, unknown> & { cmd: string } {
  if (typeof message !== 'object' || message === null || !('cmd' in message)) return false;
  return typeof message.cmd === 'string' && message.cmd.startsWith('NODE_');
}

const NEWLINE = 10;
/** Answers that may wait for a child that does not read them. */
const ANSWERS_MAX_COUNT = 20_000;
