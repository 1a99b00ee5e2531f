// Two links within one process: what one sends, the other delivers in the next turn. The test decides whether the
// peer reads, loses handles or ends.
import type { NativeHandle } from '../node/native-handle.js';
import type { Frame, FrameKind } from '../link/frame.js';
import type { Link, LinkEnd, LinkReceiver } from '../link/link.js';

/** A handle that counts how often it is closed. */
export class FakeHandle {
  closedCount = 0;
  readonly fd = 7;

  close(): void {
    this.closedCount += 1;
  }

  get native(): NativeHandle {
    return this as unknown as NativeHandle;
  }
}

export class FakeLink implements Link {
  readonly type = 'pipe';
  readonly sendsHandles: boolean = true;
  readonly receivesHandles: boolean = true;
  readonly maxPayloadBytes = 10_000;
  queuedBytes = 0;
  open = true;
  /** Whether the peer reads: where not, nothing can be sent. */
  reads = true;
  /** Whether the peer has descriptors left. */
  losesHandles = false;
  /** What send throws. */
  failure: Error | undefined;
  readonly sent: { payload: string; handle: NativeHandle | undefined }[] = [];
  peer: FakeLink | undefined;
  #receiver: LinkReceiver | undefined;

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (this.failure !== undefined) throw this.failure;
    if (!this.open || !this.reads || payload.length > this.maxPayloadBytes) return false;
    this.sent.push({ payload, handle });
    const lost = handle !== undefined && this.losesHandles;
    const frame: Frame = {
      kind,
      payload: Buffer.from(payload, 'latin1'),
      handle: lost ? undefined : handle,
      handleLost: lost,
    };
    setImmediate(() => this.peer?.deliver(frame));
    return true;
  }

  deliver(frame: Frame): void {
    this.#receiver?.onFrame(frame);
  }

  /** The messages that were sent, as JSON. */
  get messages(): { type: string; id?: number; error?: { code: string } }[] {
    return this.sent.map(({ payload }) => JSON.parse(Buffer.from(payload, 'latin1').toString('utf8')));
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
  }

  peerExited(): void {}

  close(): void {
    this.end({ reason: 'closed-here' });
  }

  end(end: LinkEnd): void {
    if (!this.open) return;
    this.open = false;
    this.#receiver?.onEnd(end);
  }

  ref(): void {}

  unref(): void {}
}

/** Two that are connected. */
export function fakeLinks(): [FakeLink, FakeLink] {
  const here = new FakeLink();
  const there = new FakeLink();
  here.peer = there;
  there.peer = here;
  return [here, there];
}
