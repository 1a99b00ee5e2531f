// Descriptors from a child that is not trusted: they come over a socket that libuv does not read, each with a number,
// and a frame with a handle is the bell. The child sends that frame only when the kernel has the descriptor, so the
// parent finds it there: whatever else it finds breaks the rules.
import { closeWatched, whileClosing } from '../node/close-watchdog.js';
import { dispose } from '../node/dispose.js';
import type { NativeCalls } from '../node/native-calls.js';
import type { NativeHandle, NativePipe } from '../node/native-handle.js';
import { isTcp, openTcp, sendHandle } from '../node/pipe-internals.js';

/** Whether the handle of a frame could be had. */
export type Arrival =
  { kind: 'handle'; handle: NativeHandle } | { kind: 'lost' } | { kind: 'violation'; detail: string };

/** The parent's end. */
export class DescriptorReceiver {
  readonly #pipe: NativePipe;
  readonly #calls: Pick<NativeCalls, 'receive'>;
  #count = 0;

  constructor(pipe: NativePipe, calls: Pick<NativeCalls, 'receive'>) {
    this.#pipe = pipe;
    this.#calls = calls;
  }

  /** Takes the descriptor of the frame that has just come. */
  receive(): Arrival {
    this.#count = (this.#count + 1) >>> 0;
    // The kernel closes what has no room here.
    const received = whileClosing(() => this.#calls.receive(this.#pipe.fd));
    if (received.kind === 'empty') return violation('a frame with a descriptor that was not sent');
    if (received.kind === 'refused') {
      dispose(received.fds.map((fd) => ({ fd, close: () => closeWatched(fd) })));
      return violation(`a descriptor that was refused: ${received.why}`);
    }
    const { number } = received;
    if (number !== this.#count) {
      if (received.kind === 'socket') dispose([{ fd: received.fd, close: () => closeWatched(received.fd) }]);
      return violation(`descriptor ${number} out of turn`);
    }
    if (received.kind === 'lost') return { kind: 'lost' };
    const handle = whileClosing(() => openTcp(received.fd));
    return handle === undefined ? { kind: 'lost' } : { kind: 'handle', handle };
  }
}

function violation(detail: string): Arrival {
  return { kind: 'violation', detail };
}

/** The child's end. */
export class DescriptorSender {
  readonly #pipe: NativePipe;
  #count = 0;

  constructor(pipe: NativePipe) {
    this.#pipe = pipe;
  }

  /** False where it is refused at once. Else `onSent` follows; true: its frame may go now. */
  send(handle: NativeHandle, onSent: (sent: boolean) => void): boolean {
    if (!isTcp(handle)) return false;
    const number = (this.#count + 1) >>> 0;
    const text = String.fromCharCode(
      number >>> 24,
      (number >>> 16) & 255,
      (number >>> 8) & 255,
      number & 255,
    );
    if (!sendHandle(this.#pipe, text, handle, (status) => onSent(status === 0))) return false;
    this.#count = number;
    return true;
  }

  close(): void {
    this.#pipe.close();
  }
}
