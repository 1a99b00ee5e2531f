// An HTTP/2 client that sends exactly the frames that a test wants, and shows those that come.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';

export const FrameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
} as const;

export interface Frame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

/** The highest stream id. */
export const LAST_STREAM_ID: number = 2 ** 31 - 1;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const CANCEL = 8;

export class FrameClient {
  readonly socket: Socket;
  /** All that have come. */
  readonly frames: Frame[] = [];
  readonly closed: Promise<unknown>;
  #rest: Buffer = Buffer.alloc(0);
  #taken = 0;
  #answersPings = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = once(socket, 'close');
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.write(PREFACE);
    this.send(FrameType.settings, 0, 0);
  }

  static async open(t: TestContext, port: number, secure = false): Promise<FrameClient> {
    const to = { port, host: '127.0.0.1' };
    const socket = secure
      ? connectTls({ ...to, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      : connectTcp(to);
    t.after(() => socket.destroy());
    await once(socket, secure ? 'secureConnect' : 'connect');
    return new FrameClient(socket);
  }

  send(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(streamId, 5);
    this.socket.write(Buffer.concat([head, payload]));
  }

  /** A GET of this path. */
  request(streamId: number, path: string, authority = 'a.test'): void {
    // RFC 7541: method GET and scheme http are in the static table; the others are literals, as in its C.2.2.
    const literal = (index: number, value: string): Buffer =>
      Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
    const block = Buffer.concat([Buffer.from([0x82, 0x86]), literal(0x04, path), literal(0x01, authority)]);
    this.send(FrameType.headers, END_STREAM | END_HEADERS, streamId, block);
  }

  cancel(streamId: number): void {
    const code = Buffer.alloc(4);
    code.writeUInt32BE(CANCEL);
    this.send(FrameType.rstStream, 0, streamId, code);
  }

  answer({ payload }: Frame): void {
    this.send(FrameType.ping, ACK, 0, payload);
  }

  /** Answers the PINGs that have come, and those to come. */
  answerPings(): void {
    this.#answersPings = true;
    for (const frame of this.frames) if (frame.type === FrameType.ping) this.answer(frame);
  }

  /** The next frame of this kind behind those that were waited for before. */
  async next(type: number): Promise<Frame> {
    for (;;) {
      while (this.#taken < this.frames.length) {
        const frame = this.frames[this.#taken++];
        if (frame?.type === type) return frame;
      }
      if (this.socket.destroyed) throw new Error(`closed before a frame of type ${type}`);
      await Promise.race([once(this.socket, 'data'), this.closed]);
    }
  }

  /** The last stream id of the next GOAWAY. */
  async goaway(): Promise<number> {
    return (await this.next(FrameType.goaway)).payload.readUInt32BE(0);
  }

  /** The streams that have been answered, by their ids. */
  get answered(): number[] {
    return this.frames
      .filter(({ type }) => type === FrameType.headers)
      .map(({ streamId }) => streamId)
      .toSorted((a, b) => a - b);
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      const frame: Frame = {
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        streamId: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, end),
      };
      this.#rest = this.#rest.subarray(end);
      this.frames.push(frame);
      if (frame.type === FrameType.settings && (frame.flags & ACK) === 0)
        this.send(FrameType.settings, ACK, 0);
      if (frame.type === FrameType.ping && this.#answersPings) this.answer(frame);
    }
  }
}
