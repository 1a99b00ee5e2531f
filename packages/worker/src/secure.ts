// Loads TLS only where a site has an 'ssl' entry: a plain site never pays for it.
import { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import type { ListenRequest } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import type { SecureFront } from './intake/secure-front.js';

/**
 * The TLS side of a plain HTTP server for the site's 'ssl' entries, or the one it has with new keys. A server
 * that ends TLS itself (https, http2) needs none and gets none.
 * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used.
 */
export async function loadSecureFront(
  server: Server,
  entries: readonly ListenRequest[],
  existing: SecureFront | undefined,
): Promise<SecureFront | undefined> {
  if (!(server instanceof HttpServer)) return undefined;
  const secure = entries.map(({ host, key, cert, passphrase }, index) => {
    if (key === undefined || cert === undefined) {
      throw new VhostError('ERR_TLS_KEY', `the ssl entry for ${host ?? 'every host'} has no key or no cert`, {
        info: { entry: index, host },
      });
    }
    return { host, key, cert, passphrase };
  });
  if (existing !== undefined) {
    existing.update(secure);
    return existing;
  }
  const { createSecureFront } = await import('./intake/secure-front.js');
  return createSecureFront(server, secure);
}
