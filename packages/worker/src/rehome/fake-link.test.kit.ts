// A link without a peer: it remembers what was sent and refuses when it is told to.
import { DEFAULT_LINK_LIMITS } from '@vhostd/transport';
import type { FrameKind, Link, NativeHandle } from '@vhostd/transport';

export class FakeLink implements Link {
  readonly type = 'pipe';
  readonly sendsHandles: boolean = true;
  readonly receivesHandles: boolean = true;
  readonly queuedBytes = 0;
  readonly maxPayloadBytes: number = DEFAULT_LINK_LIMITS.maxPayloadBytes;
  open = true;
  readonly sent: { kind: FrameKind; payload: Buffer; handle: NativeHandle | undefined }[] = [];

  send(kind: FrameKind, payload: string, handle?: NativeHandle): boolean {
    if (this.open) this.sent.push({ kind, payload: Buffer.from(payload, 'latin1'), handle });
    return this.open;
  }

  start(): void {}
  peerExited(): void {}
  close(): void {}
  ref(): void {}
  unref(): void {}
}
