// What every server under test answers, so that they differ in nothing but the way of a connection to it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import type { Server as SecureServer } from 'node:https';

/** The first line of a site's answers; the rest is padding to {@link ANSWER_BYTES}. */
export function answerOf(host: string): string {
  return `site ${host}\n`.padEnd(ANSWER_BYTES, '.');
}

/** Files of a server that speaks TLS, and whether it speaks HTTP/2 beside HTTP/1.1. */
export interface Security {
  readonly key: string;
  readonly cert: string;
  readonly http2?: boolean;
}

/** An HTTP server for one host, or an https server with a key and a certificate in files. A request for another host gets 421, which load generators count as an error. */
export function createSiteServer(host: string): Server;
export function createSiteServer(
  host: string,
  secure: Security | undefined,
): Server | SecureServer | Http2SecureServer;
export function createSiteServer(host: string, secure?: Security): Server | SecureServer | Http2SecureServer {
  const body = answerOf(host);
  const answer = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    if ((request.headers[':authority'] ?? request.headers.host) !== host) response.statusCode = 421;
    response.setHeader('Content-Type', 'text/plain');
    response.end(body);
  };
  if (secure === undefined) return createServer(answer);
  const options = { key: readFileSync(secure.key), cert: readFileSync(secure.cert) };
  if (secure.http2 === true) return createHttp2Server({ ...options, allowHTTP1: true }, answer);
  return createSecureServer(options, answer);
}

/** Size of an answer's body, bytes. */
export const ANSWER_BYTES = 128;
