// Loads TLS only where a site has an 'ssl' entry: a plain site never pays for it.
import { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import type { ListenRequest } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import type { SecureEntry } from './intake/secure-contexts.js';
import type { SecureFront } from './intake/secure-front.js';

/**
 * The 'ssl' entries of a conf.
 * @throws {VhostError} ERR_TLS_KEY for one without a key or a certificate.
 */
export function secureEntries(listen: readonly ListenRequest[]): SecureEntry[] {
  const secure = listen.filter((entry) => entry.type === 'ssl');
  return secure.map(({ host, key, cert, passphrase }, index) => {
    if (key === undefined || cert === undefined) {
      throw new VhostError('ERR_TLS_KEY', `the ssl entry for ${host ?? 'every host'} has no key or no cert`, {
        info: { entry: index, host },
      });
    }
    return { host, key, cert, passphrase };
  });
}

/**
 * The TLS side of a plain HTTP server. A server that ends TLS itself (https, http2) needs none and gets none.
 * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used.
 */
export async function createSecureSide(
  server: Server,
  entries: readonly SecureEntry[],
): Promise<SecureFront | undefined> {
  if (!(server instanceof HttpServer)) return undefined;
  const { createSecureFront } = await import('./intake/secure-front.js');
  return createSecureFront(server, entries);
}
