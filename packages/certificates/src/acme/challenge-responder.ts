// What an authority is shown as a proof that a host is here. Proofs in clear are answered by the master, which is told the
// text; those within TLS by this process, which has their keys and gets the connections from the master.
import { isIPv4, isIPv6, Socket } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import type { SecureContext } from 'node:tls';
import acme from 'acme-client';
import type { Challenges } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';

/** One challenge, and what answers it. */
export interface Proof {
  readonly authorization: acme.Authorization;
  readonly challenge: { readonly token: string };
  readonly keyAuthorization: string;
}

export class ChallengeResponder {
  readonly #publish: (challenges: Challenges) => Promise<unknown>;
  readonly #http = new Set<Challenges['http'][number]>();
  readonly #tls = new Map<string, SecureContext>();
  readonly #server = createServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback: (name, callback) => callback(null, this.#tls.get(name.toLowerCase())),
  });

  /** `publish`: tells the master all that is to be answered; resolves when that is in force. */
  constructor(publish: (challenges: Challenges) => Promise<unknown>) {
    this.#publish = publish;
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#server.on('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      // RFC 8737 3: nothing is said within it.
      socket.end();
    });
  }

  /** Resolves when it is answered; until the result is called. */
  async answer(type: 'http-01' | 'tls-alpn-01', proof: Proof): Promise<() => void> {
    const { authorization, challenge, keyAuthorization } = proof;
    const host = hostOf(authorization.identifier.value);
    const withdraw =
      type === 'http-01'
        ? this.#addHttp({ host, token: challenge.token, keyAuthorization })
        : await this.#addTls(host, proof);
    try {
      await this.#tell();
    } catch (error) {
      withdraw();
      throw error;
    }
    return () => {
      withdraw();
      // The master forgets them with this process.
      this.#tell().catch(() => undefined);
    };
  }

  /** Takes a connection that has sent a hello for one of the hosts. */
  take(handle: NativeHandle, head: string): void {
    const socket = new Socket({ handle } as never);
    socket.on('error', () => undefined);
    socket.setTimeout(LIMIT_MS, () => socket.destroy());
    if (head !== '') socket.unshift(Buffer.from(head, 'latin1'));
    this.#server.emit('connection', socket);
  }

  #addHttp(entry: Challenges['http'][number]): () => void {
    this.#http.add(entry);
    return () => this.#http.delete(entry);
  }

  async #addTls(host: string, { authorization, keyAuthorization }: Proof): Promise<() => void> {
    const key = await acme.crypto.createPrivateEcdsaKey();
    const [, cert] = await acme.crypto.createAlpnCertificate(authorization, keyAuthorization, key);
    const name = serverNameOf(host);
    this.#tls.set(name, createSecureContext({ key, cert }));
    return () => this.#tls.delete(name);
  }

  async #tell(): Promise<void> {
    await this.#publish({ http: [...this.#http], tls: [...this.#tls.keys()] });
  }
}

/** An identifier as a request names it. */
function hostOf(identifier: string): string {
  return isIPv6(identifier) ? new URL(`http://[${identifier}]`).hostname : identifier.toLowerCase();
}

/** What is in the hello; of an IP address its name in the reverse zone (RFC 8738 6). */
export function serverNameOf(host: string): string {
  if (isIPv4(host)) return `${host.split('.').toReversed().join('.')}.in-addr.arpa`;
  if (!host.startsWith('[')) return host;
  return `${digitsOf(host.slice(1, -1)).toReversed().join('.')}.ip6.arpa`;
}

/** All 32 hexadecimal digits of an IPv6 address. */
function digitsOf(address: string): string[] {
  const [front = [], back = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].flatMap((group) => group.padStart(4, '0').split(''));
}

/** How long an authority may take, ms. */
const LIMIT_MS = 30_000;
