// An authority with profiles (draft-ietf-acme-profiles) before a pebble that knows none: it names them in its directory,
// notes which one each order asks for, and passes everything on.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { atEnd } from './at-end.js';
import type { Pebble } from './pebble.js';

export class ProfiledAuthority {
  /** URL of its directory. */
  readonly directory: string;
  /** What orders have asked for; one with a bad nonce is sent twice. */
  readonly ordered: Set<string> = new Set();

  private constructor(port: number) {
    this.directory = `https://localhost:${port}/dir`;
  }

  /** Before a pebble, which need not run yet. The end of the test ends it. */
  static async open(t: TestContext, pebble: Pebble, profiles: readonly string[]): Promise<ProfiledAuthority> {
    const { ca, key } = pebble;
    const server = createServer({ cert: readFileSync(ca), key: readFileSync(key) });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    atEnd(t, () => {
      server.close();
      server.closeAllConnections();
    });
    const authority = new ProfiledAuthority((server.address() as AddressInfo).port);
    server.on('request', (asked: IncomingMessage, answer: ServerResponse) => {
      authority.#pass(pebble, profiles, asked, answer).catch(() => answer.destroy());
    });
    return authority;
  }

  async #pass(
    pebble: Pebble,
    profiles: readonly string[],
    asked: IncomingMessage,
    answer: ServerResponse,
  ): Promise<void> {
    const body = await text(asked);
    if (asked.url === '/order-plz') this.ordered.add(profileOf(body));
    // Pebble makes its URLs of the Host.
    const { method = 'GET', headers, url = '' } = asked;
    const options = { method, headers, ca: readFileSync(pebble.ca), agent: false };
    const passed = request(new URL(url, pebble.directory), options);
    passed.end(body);
    const [response] = (await once(passed, 'response')) as [IncomingMessage];
    const { statusCode = 500, headers: fields } = response;
    if (url !== '/dir') {
      answer.writeHead(statusCode, fields);
      response.pipe(answer);
      return;
    }
    const { meta, ...directory } = (await json(response)) as { meta: object };
    const named = Object.fromEntries(profiles.map((name) => [name, `https://localhost/${name}`]));
    answer.writeHead(statusCode, { 'Content-Type': 'application/json' });
    answer.end(JSON.stringify({ ...directory, meta: { ...meta, profiles: named } }));
  }
}

/** That of a signed order (RFC 7515 7.2). */
function profileOf(body: string): string {
  const { payload } = JSON.parse(body) as { payload: string };
  const { profile } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { profile?: string };
  return profile ?? 'none';
}
