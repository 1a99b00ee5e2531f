// A request that is in work for as long as the test wants: its body is sent but for the last byte.
import { checkAnswer, slowPost } from './exchange.js';
import type { Answerer, Exchange } from './exchange.js';
import { Random } from './random.js';
import { WireClient } from './wire-client.js';

export class HeldRequest {
  readonly #client: WireClient;
  readonly #request: Exchange;

  private constructor(client: WireClient, request: Exchange) {
    this.#client = client;
    this.#request = request;
  }

  /** Sends a POST to the echo site, on a connection of its own; `address`: of the server, default 127.0.0.1. */
  static async begin(port: number, host: string, address = '127.0.0.1'): Promise<HeldRequest> {
    const client = await WireClient.open(port, { host: address });
    const request = slowPost(new Random(port), host, { bodyBytes: 1000, slowMs: 0, closes: false });
    client.send(request.bytes.subarray(0, -1));
    return new HeldRequest(client, request);
  }

  /** Sends the rest, and checks the answer. */
  async finish(): Promise<Answerer> {
    this.#client.send(this.#request.bytes.subarray(-1));
    try {
      return await checkAnswer(this.#client, this.#request);
    } finally {
      this.#client.close();
    }
  }
}
