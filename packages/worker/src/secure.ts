// Loads TLS only where a site has an 'ssl' entry: a plain site never pays for it.
import { on } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { CertificateFacts, CertificateKind, ListenRequest } from '@vhostd/protocol';
import { certificateFile, isCertificateKind, VhostError } from '@vhostd/protocol';
import type { ClientDemands, SecureEntry } from './tls/secure-contexts.js';
import type { SecureKeys, SecureKeysOptions } from './tls/secure-keys.js';
import {
  clientPolicyOf,
  endsTls,
  hasOwnKeys,
  optionsOf,
  ownSessionIdContext,
  setSni,
  useContexts,
} from './node/secure-server.js';
import type { Server as TlsServer } from 'node:tls';
import { getBuiltinModule } from '@vhostd/transport';
import type { SecureTerms } from './intake/intake.js';
import type { SecureFront } from './intake/secure-front.js';

/**
 * The 'ssl' entries of a conf. `home`: where the certificates are that vhostd keeps.
 * @throws {VhostError} ERR_TLS_KEY for one without a key or a certificate, or with one that vhostd can't give to it.
 */
export function secureEntries(listen: readonly ListenRequest[], home: SecureHome | undefined): SecureEntry[] {
  const secure = listen.filter((entry) => entry.type === 'ssl');
  return secure.map(({ host, key, cert, passphrase, minVersion, requestCert, ca }, index) => {
    if (isCertificateKind(cert)) {
      const file = keptFile(cert, { host, index }, home);
      return { host, key: file, cert: file, issued: cert, minVersion, requestCert, ca };
    }
    if (key === undefined || cert === undefined) {
      throw new VhostError(
        'ERR_TLS_KEY',
        `the ssl entry for ${host ?? 'every host'} has no key or no cert, nor has the app's server`,
        { info: { entry: index, host } },
      );
    }
    return { host, key, cert, passphrase, minVersion, requestCert, ca };
  });
}

/** The file that vhostd keeps for an entry. */
function keptFile(
  kind: CertificateKind,
  { host, index }: { host: string | undefined; index: number },
  home: SecureHome | undefined,
): string {
  if (home !== undefined) return join(home.directory, certificateFile(kind, host));
  throw new VhostError(
    'ERR_TLS_KEY',
    `the ssl entry for ${host ?? 'every host'} has "cert": "${kind}", which only a master of vhostd can give, and to a ` +
      'site with a user of its own only over the handoff pipe',
    { info: { entry: index, host } },
  );
}

/**
 * Resolves when those certificates are there that the machine's own authority makes, which takes a moment, or that moment
 * is over: a site that boots for the first time is not ready before it can be spoken to.
 */
export async function untilIssued(entries: readonly SecureEntry[]): Promise<void> {
  const files = entries.filter(({ issued }) => issued === 'internal').map(({ cert }) => cert);
  const [file] = files;
  const areThere = (): boolean => files.every((one) => existsSync(one));
  if (file === undefined || areThere()) return;
  const end = AbortSignal.timeout(FIRST_CERTIFICATE_LIMIT_MS);
  try {
    // They lie in one directory.
    const watcher = watch(dirname(file));
    try {
      const changes = on(watcher, 'change', { signal: end });
      while (!areThere()) await changes.next();
    } finally {
      watcher.close();
    }
  } catch {
    // Its time is over, or the kernel has no more watches.
    const { setTimeout: delay } = getBuiltinModule('node:timers/promises');
    while (!areThere() && !end.aborted) await delay(UNWATCHED_LOOK_MS);
  }
}

/** With a busy machine in mind, ms. */
const FIRST_CERTIFICATE_LIMIT_MS = 10_000;
const UNWATCHED_LOOK_MS = 200;

/**
 * A server that ends TLS has no use for connections in clear.
 * @throws {VhostError} ERR_TLS_SERVER.
 */
export function refuseClear(listen: readonly ListenRequest[]): void {
  const clear = listen.find(({ type = 'tcp', redirect }) => type === 'tcp' && redirect === undefined);
  if (clear === undefined) return;
  const { host = 'every host', port } = clear;
  throw new VhostError(
    'ERR_TLS_SERVER',
    `the entry for ${host} on port ${port} is in clear (type 'tcp'), but the app's server speaks TLS only: ` +
      `write "type": "ssl" or "redirect": "https", or let the app use http.createServer()`,
    { info: { host, port } },
  );
}

/** The site under its master, and the directory that only its workers use. */
export interface SecureHome {
  readonly siteId: string;
  readonly directory: string;
}

/** Where keys are used, and who is told of their certificates. */
export interface SecurePlace {
  readonly home: SecureHome | undefined;
  readonly onCertificates: (certificates: readonly CertificateFacts[]) => void;
}

/** Whether a server wants the keys of the conf: it speaks plain HTTP, or ends TLS itself and has no keys of its own. */
export function wantsKeys(server: Server): boolean {
  return endsTls(server) ? !hasOwnKeys(server) : server instanceof HttpServer;
}

/**
 * The TLS side of a plain HTTP server, with these entries in force.
 * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used, ERR_TLS_DEMANDS.
 */
export async function createFront(
  server: HttpServer,
  entries: readonly SecureEntry[],
  { home, onCertificates }: SecurePlace,
): Promise<SecureFront> {
  const [{ createSecureFront }, { sessionIdContextOf }] = await Promise.all([
    import('./intake/secure-front.js'),
    import('./tls/session-tickets.js'),
  ]);
  const base: SecureKeysOptions['base'] = (demands) =>
    home === undefined ? {} : { sessionIdContext: sessionIdContextOf(home.siteId, policyOf(demands)) };
  return createSecureFront(server, entries, { base, onFault: report, onCertificates });
}

/** The keys of a server that ends TLS itself and has none, with these entries on trial; as {@link createFront}. */
export async function createOwnKeys(
  server: TlsServer,
  entries: readonly SecureEntry[],
  { home, onCertificates }: SecurePlace,
): Promise<SecureKeys> {
  const [{ SecureKeys: Keys }, { sessionIdContextOf }] = await Promise.all([
    import('./tls/secure-keys.js'),
    import('./tls/session-tickets.js'),
  ]);
  const siteId = ownSessionIdContext(server) ? undefined : home?.siteId;
  const base: SecureKeysOptions['base'] = (demands) => {
    const policy = demands.requestCert === true ? policyOf(demands) : clientPolicyOf(server);
    return {
      ...optionsOf(server),
      ...(siteId === undefined ? {} : { sessionIdContext: sessionIdContextOf(siteId, policy) }),
    };
  };
  const keys = new Keys({ base, onFault: report, onCertificates });
  keys.onNames = (find) => void setSni(server, find);
  keys.onChange = (contexts) => useContexts(server, contexts);
  keys.stage(entries);
  return keys;
}

/** A session that began without a certificate must not go on where one is asked for. */
function policyOf({ requestCert, ca }: ClientDemands): unknown[] {
  return requestCert === true ? [requestCert, true, ca] : [];
}

function report({ code, message }: VhostError): void {
  console.error(`${code}: ${message}; what was in force stays`);
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
