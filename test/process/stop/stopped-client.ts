// A client in the middle of its work while the server is stopped: what its last request came to.
import { checkAnswer, slowPost } from '../../kit/exchange.js';
import type { Random } from '../../kit/random.js';
import { WireClient } from '../../kit/wire-client.js';

/**
 * `announced`: the last answer was whole and said that the connection ends, and no new one was served. Anything else
 * is what went wrong.
 */
export type StoppedEnd = string;

/** Sends POSTs of 16 KB that take 300 ms, one after the other on one connection, until it is told to go. */
export class StoppedClient {
  okCount = 0;
  readonly ended: Promise<StoppedEnd>;

  constructor(port: number, host: string, random: Random) {
    this.ended = this.#run(port, host, random);
  }

  async #run(port: number, host: string, random: Random): Promise<StoppedEnd> {
    const client = await WireClient.open(port);
    try {
      for (;;) {
        const request = slowPost(random, host, { bodyBytes: 16_384, slowMs: 300, closes: false });
        client.send(request.bytes);
        const { closes } = await checkAnswer(client, request);
        this.okCount += 1;
        if (closes) break;
      }
    } catch (error) {
      return String(error);
    } finally {
      client.close();
    }
    return await refusalOf(port, host);
  }
}

/** What a new connection comes to: it must not be served any more. */
async function refusalOf(port: number, host: string): Promise<StoppedEnd> {
  try {
    const client = await WireClient.open(port);
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const { status } = await client.answer();
    client.close();
    return `a new connection was answered with ${status}`;
  } catch (error) {
    const code = String(Reflect.get(Object(error), 'code'));
    return code === 'timeout' ? 'a new connection hung' : 'announced';
  }
}
