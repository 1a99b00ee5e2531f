// Loads TLS only where a site has an 'ssl' entry: a plain site never pays for it.
import { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import type { ListenRequest } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import type { SecureEntry } from './intake/secure-contexts.js';
import { endsTls, hasOwnKeys } from './node/secure-server.js';
import type { Server as TlsServer } from 'node:tls';
import type { SecureTerms } from './intake/intake.js';
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

/** The site under its master, and the directory that only its workers use. */
export interface SecureHome {
  readonly siteId: string;
  readonly directory: string;
}

/** Where the keys of the conf go; all but `onFront` of {@link SiteKeys} asks no more of it. */
export type KeyHolder = Pick<SecureFront, 'stage' | 'commit' | 'discard'>;

/** Whether a server wants the keys of the conf: it speaks plain HTTP, or ends TLS itself and has no keys of its own. */
export function wantsKeys(server: Server): boolean {
  return endsTls(server) ? !hasOwnKeys(server) : server instanceof HttpServer;
}

/**
 * The TLS side of a plain HTTP server, with these entries on trial.
 * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used.
 */
export async function createFront(
  server: HttpServer,
  entries: readonly SecureEntry[],
  home: SecureHome | undefined,
): Promise<SecureFront> {
  const [{ createSecureFront }, { sessionIdContextOf }] = await Promise.all([
    import('./intake/secure-front.js'),
    import('./tls/session-tickets.js'),
  ]);
  return createSecureFront(
    server,
    entries,
    home === undefined ? {} : { sessionIdContext: sessionIdContextOf(home.siteId) },
  );
}

/** What lets sessions of this server go on in other workers of the site. */
export async function createTickets(
  server: TlsServer,
  { siteId, directory }: SecureHome,
): Promise<SecureTerms> {
  const [{ SessionTickets }, { TicketKeys }] = await Promise.all([
    import('./tls/session-tickets.js'),
    import('./tls/ticket-keys.js'),
  ]);
  const onFailure = (error: unknown): void => {
    console.error(`TLS sessions are resumed by this worker only: ${String(error)}`);
  };
  return new SessionTickets(server, new TicketKeys(directory, { onFailure }), siteId);
}

/** The keys of a server that ends TLS itself and has none, with these entries on trial; as {@link createFront}. */
export async function createOwnTls(server: TlsServer, entries: readonly SecureEntry[]): Promise<KeyHolder> {
  const { OwnTls } = await import('./intake/own-tls.js');
  const keys = new OwnTls(server);
  keys.stage(entries);
  return keys;
}
