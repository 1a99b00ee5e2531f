// What every server under test answers, so that they differ in nothing but the way of a connection to it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server as SecureServer } from 'node:https';

/** The first line of a site's answers; the rest is padding to {@link ANSWER_BYTES}. */
export function answerOf(host: string): string {
  return `site ${host}\n`.padEnd(ANSWER_BYTES, '.');
}

/** An HTTP server for one host, or an https server with a key and a certificate in files. A request for another host gets 421, which load generators count as an error. */
export function createSiteServer(
  host: string,
  secure?: { key: string; cert: string },
): Server | SecureServer {
  const body = answerOf(host);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.host !== host) response.statusCode = 421;
    response.setHeader('Content-Type', 'text/plain');
    response.end(body);
  };
  if (secure === undefined) return createServer(answer);
  return createSecureServer({ key: readFileSync(secure.key), cert: readFileSync(secure.cert) }, answer);
}

/** Size of an answer's body, bytes. */
export const ANSWER_BYTES = 128;
