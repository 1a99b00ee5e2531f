// The first bytes of a connection that a balancer passes on: a header of the PROXY protocol, then the client's own.
import type { FirstBytes } from './first-bytes.js';
import { readProxyHeader } from './proxy-header.js';
import type { ProxyHeader } from './proxy-header.js';
import { MORE, reject } from './verdict.js';
import type { Verdict } from './verdict.js';

export class ProxiedBytes {
  readonly #client: FirstBytes;
  #begin: Buffer = Buffer.alloc(0);
  #header: ProxyHeader | undefined;
  #fault: Verdict | undefined;

  /** `client` reads what is behind the header. */
  constructor(client: FirstBytes) {
    this.#client = client;
  }

  /** Undefined until it is whole. */
  get header(): ProxyHeader | undefined {
    return this.#header;
  }

  /** Takes the next bytes of the connection; never keeps a reference to the chunk. */
  push(chunk: Buffer): Verdict {
    if (this.#header !== undefined) return this.#client.push(chunk);
    if (this.#fault !== undefined) return this.#fault;
    const bytes = this.#begin.length === 0 ? chunk : Buffer.concat([this.#begin, chunk]);
    const reading = readProxyHeader(bytes);
    if (reading.kind === 'more') {
      this.#begin = Buffer.from(bytes);
      return MORE;
    }
    this.#begin = Buffer.alloc(0);
    if (reading.kind === 'fault') return (this.#fault = reject(reading.reason));
    this.#header = reading;
    return this.#client.push(bytes.subarray(reading.length));
  }
}
