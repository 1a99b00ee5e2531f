// Keys for a server that ends TLS itself (tls, https, http2) and was created without any. Undocumented: the names under
// which tls.Server keeps its options, and its SNICallback under a symbol `snicallback`.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; site-keys.test.ts fails where one of them changes.
import type { Server } from 'node:net';
import type { SecureContext, SecureContextOptions, Server as TlsServer } from 'node:tls';

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

/** Lets a server find the context for the name that a client asks for; false where this Node keeps it elsewhere. */
export function setSni(server: TlsServer, find: (name: string) => SecureContext | undefined): boolean {
  const symbol = sniSymbolOf(server);
  if (symbol === undefined) return false;
  Reflect.set(server, symbol, (name: string, callback: (error: null, context?: SecureContext) => void) =>
    callback(null, find(name)),
  );
  return true;
}

function sniSymbolOf(server: TlsServer): symbol | undefined {
  return Object.getOwnPropertySymbols(server).find(({ description }) => description === 'snicallback');
}

/** Those that were added with `addContext`. */
function contextCount(server: TlsServer): number {
  const contexts: unknown = Reflect.get(server, '_contexts');
  return Array.isArray(contexts) ? contexts.length : 0;
}

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
