// What every server under test answers, so that they differ in nothing but the way of a connection to it.
import { createServer } from 'node:http';
import type { Server } from 'node:http';

/** The first line of a site's answers; the rest is padding to {@link ANSWER_BYTES}. */
export function answerOf(host: string): string {
  return `site ${host}\n`.padEnd(ANSWER_BYTES, '.');
}

/** An HTTP server for one host. A request for another host gets 421, which load generators count as an error. */
export function createSiteServer(host: string): Server {
  const body = answerOf(host);
  return createServer((request, response) => {
    if (request.headers.host !== host) response.statusCode = 421;
    response.setHeader('Content-Type', 'text/plain');
    response.end(body);
  });
}

/** Size of an answer's body, bytes. */
export const ANSWER_BYTES = 128;
