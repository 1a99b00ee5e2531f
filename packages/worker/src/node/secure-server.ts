// Keys for a server that ends TLS itself (tls, https, http2) and was created without any. Undocumented: the names under
// which tls.Server keeps its options, its SNICallback under a symbol `snicallback`, and its context as `_sharedCreds`, which
// it reads when a connection comes; `setSessionIdContext` of the context's native half; the default of sessionIdContext.
// Checked on Node 20.20, 22.23, 24.21 and 26.12; site-keys.test.ts and session-tickets.test.ts fail where one changes.
import type { Server } from 'node:net';
import type { SecureContext, SecureContextOptions, Server as TlsServer } from 'node:tls';
import { getBuiltinModule } from '@vhostd/transport';

/** Whether a server ends TLS itself. */
export function endsTls(server: Server): server is TlsServer {
  return 'setSecureContext' in server;
}

/** Whether such a server was created with a certificate of its own, or with a way to find one. */
export function hasOwnKeys(server: TlsServer): boolean {
  const keys = ['cert', 'pfx', 'key'].some((name) => Reflect.get(server, name) !== undefined);
  return (
    keys || typeof Reflect.get(server, sniSymbolOf(server) ?? '') === 'function' || contextCount(server) > 0
  );
}

/** What a server was created with beside its keys, which `setSecureContext` would forget. */
export function optionsOf(server: TlsServer): SecureContextOptions {
  const known = OPTIONS.map((name): [string, unknown] => [name, Reflect.get(server, name)]);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

/** What a server is to use for connections that come from now on. */
export interface ServerContexts {
  readonly fallback: SecureContextOptions;
  readonly demands: { readonly requestCert?: true };
}

/** Open connections go on. What the server has beside keys stays. */
export function useContexts(server: TlsServer, { fallback, demands }: ServerContexts): void {
  server.setSecureContext({ ...optionsOf(server), ...fallback });
  if (demands.requestCert !== true && !demanded.has(server)) return;
  // It reads them when a connection comes.
  demanded.add(server);
  Reflect.set(server, 'requestCert', demands.requestCert === true);
  Reflect.set(server, 'rejectUnauthorized', true);
}

/** Those whose demand is not of their code. */
const demanded = new WeakSet<TlsServer>();

/**
 * Lets a server find the context for the name that a client asks for; undefined: it has one for all, and handshakes are
 * spared the way through JavaScript. False where this Node keeps it elsewhere.
 */
export function setSni(
  server: TlsServer,
  find: ((name: string) => SecureContext | undefined) | undefined,
): boolean {
  const symbol = sniSymbolOf(server);
  if (symbol === undefined) return false;
  const callback =
    find &&
    ((name: string, found: (error: null, context?: SecureContext) => void) => found(null, find(name)));
  Reflect.set(server, symbol, callback);
  return true;
}

/** All that a server's context was made of, its keys included. */
export function contextOptionsOf(server: TlsServer): SecureContextOptions {
  const keys = KEYS.map((name): [string, unknown] => [name, Reflect.get(server, name)]);
  return { ...optionsOf(server), ...Object.fromEntries(keys.filter(([, value]) => value !== undefined)) };
}

/** The context of connections that come from now on. */
export function sharedContextOf(server: TlsServer): SecureContext | undefined {
  return Reflect.get(server, '_sharedCreds') as SecureContext | undefined;
}

export function setSharedContext(server: TlsServer, context: SecureContext): void {
  Reflect.set(server, '_sharedCreds', context);
}

/** Whether a server's code has set keys of tickets. */
export function hasOwnTickets(server: TlsServer): boolean {
  return Reflect.get(server, 'ticketKeys') !== undefined;
}

/** Whether a server's code has set its `sessionIdContext`. */
export function ownSessionIdContext(server: TlsServer): boolean {
  const set: unknown = Reflect.get(server, 'sessionIdContext');
  if (set === settled.get(server)) return false;
  if (set === undefined) return false;
  const { createHash } = getBuiltinModule('node:crypto');
  return set !== createHash('sha1').update(process.argv.join(' ')).digest('hex').slice(0, 32);
}

/** In place of the one that Node has set. */
export function setSessionIdContext(server: TlsServer, context: SecureContext, id: string): void {
  settled.set(server, id);
  Reflect.set(server, 'sessionIdContext', id);
  (context.context as { setSessionIdContext(text: string): void }).setSessionIdContext(id);
}

const settled = new WeakMap<TlsServer, string>();

/** What a server asks of its clients' certificates. */
export function clientPolicyOf(server: TlsServer): unknown[] {
  const isAsked = Reflect.get(server, 'requestCert') === true;
  return isAsked ? [isAsked, Reflect.get(server, 'rejectUnauthorized'), Reflect.get(server, 'ca')] : [];
}

function sniSymbolOf(server: TlsServer): symbol | undefined {
  return Object.getOwnPropertySymbols(server).find(({ description }) => description === 'snicallback');
}

/** Those that were added with `addContext`. */
function contextCount(server: TlsServer): number {
  const contexts: unknown = Reflect.get(server, '_contexts');
  return Array.isArray(contexts) ? contexts.length : 0;
}

const KEYS = ['pfx', 'key', 'passphrase', 'cert', 'privateKeyIdentifier', 'privateKeyEngine'];
const OPTIONS = [
  'ca',
  'ciphers',
  'clientCertEngine',
  'crl',
  'dhparam',
  'ecdhCurve',
  'honorCipherOrder',
  'maxVersion',
  'minVersion',
  'secureOptions',
  'secureProtocol',
  'sessionIdContext',
  'sessionTimeout',
  'sigalgs',
  'ticketKeys',
];
