// Clients whose connections are in use for long: an upgraded one that echoes, a stream of events, a slow upload. Each
// checks every byte, and notes when and how it ended.
import { createHash } from 'node:crypto';
import { SEEN } from './echo-headers.js';
import { Random } from './random.js';
import { WireClient } from './wire-client.js';

/** How a client ended: its work was done, the other side cut it, it was told to leave; or what it got was wrong. */
export type End = { how: 'done' | 'cut' | 'left'; atMs: number } | { how: 'wrong'; detail: string };

export interface LongLivedClient {
  /** Steps so far: echoes, events, pieces of the upload. */
  readonly count: number;
  readonly ended: Promise<End>;
  /** Ends it from this side. */
  leave(): void;
}

/** Sends words and waits for each to come back, with a pause between two. */
export async function openEcho(port: number, host: string, pauseMs: number): Promise<LongLivedClient> {
  const client = await WireClient.open(port);
  client.send(`GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  const { status } = await client.head(true);
  if (status !== 101) throw new Error(`status ${status} instead of an upgrade`);
  return new Repeated(client, pauseMs, async (number) => {
    const word = `word ${number};`;
    client.send(word);
    const echoed = (await client.bytes(word.length)).toString();
    if (echoed !== word) throw new WrongBytes(`${JSON.stringify(echoed)} is no echo of ${word}`);
    return true;
  });
}

/** Reads events, whose numbers must follow one another. */
export async function openEvents(port: number, host: string, intervalMs: number): Promise<LongLivedClient> {
  const client = await WireClient.open(port);
  client.send(`GET /stream?events=${intervalMs} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const { status } = await client.head();
  if (status !== 200) throw new Error(`status ${status} instead of a stream`);
  return new Repeated(client, 0, async (number) => {
    const event = `data: ${number}\n\n`;
    const chunk = await client.chunk();
    if (chunk.toString() !== event)
      throw new WrongBytes(`${JSON.stringify(chunk.toString())} is not ${event}`);
    return true;
  });
}

/** What to upload. */
export interface Upload {
  bytes: number;
  /** How many of them are sent at a time, and how often. */
  pieceBytes: number;
  intervalMs: number;
  seed: number;
}

/** Sends a body piece by piece; its answer must have its hash. */
export async function openUpload(port: number, host: string, upload: Upload): Promise<LongLivedClient> {
  const body = new Random(upload.seed).bytes(upload.bytes);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const client = await WireClient.open(port);
  client.send(`POST /upload HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n`);
  let cut: NodeJS.ErrnoException | undefined;
  client.socket.on('close', () => (cut ??= new Error('the connection was cut')));
  return new Repeated(client, upload.intervalMs, async (number) => {
    if (cut !== undefined) throw cut;
    const at = (number - 1) * upload.pieceBytes;
    if (at < body.length) {
      client.send(body.subarray(at, at + upload.pieceBytes));
      return true;
    }
    const { status, headers } = await client.answer();
    if (status !== 200 || headers[SEEN.sha256] !== sha256) throw new WrongBytes('the site read another body');
    return false;
  });
}

class WrongBytes extends Error {
  override name = 'WrongBytes';
}

/** Takes one step after the other until a step says that it was the last, or fails. */
class Repeated implements LongLivedClient {
  count = 0;
  readonly ended: Promise<End>;
  readonly #client: WireClient;
  #left = false;

  constructor(client: WireClient, pauseMs: number, step: (number: number) => Promise<boolean>) {
    this.#client = client;
    this.ended = this.#run(pauseMs, step);
  }

  leave(): void {
    this.#left = true;
    this.#client.close();
  }

  async #run(pauseMs: number, step: (number: number) => Promise<boolean>): Promise<End> {
    try {
      while (await step(this.count + 1)) {
        this.count += 1;
        if (pauseMs > 0) await this.#pause(pauseMs);
      }
      return { how: 'done', atMs: performance.now() };
    } catch (error) {
      if (error instanceof WrongBytes) return { how: 'wrong', detail: error.message };
      if (error instanceof Error && Reflect.get(error, 'code') === 'timeout')
        return { how: 'wrong', detail: 'it hung' };
      return { how: this.#left ? 'left' : 'cut', atMs: performance.now() };
    } finally {
      this.#client.close();
    }
  }

  /** A pause that a cut ends. */
  async #pause(pauseMs: number): Promise<void> {
    const { socket } = this.#client;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        socket.off('close', end);
        resolve();
      };
      const timer = setTimeout(end, pauseMs);
      socket.once('close', end);
    });
  }
}
