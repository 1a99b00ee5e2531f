// What every system serves while it is reloaded and killed: an answer that tells a client whether each byte arrived.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';

/** A server that answers `<url> <SHA-256 of the body, hex>\n`, {@link WORK_MS} after it has read the body. */
export function createHashingServer(): Server {
  const server = createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => {
      const body = hashingAnswer(request.url ?? '', hash.digest('hex'));
      response.setHeader('Content-Type', 'text/plain');
      response.setHeader('Content-Length', Buffer.byteLength(body));
      setTimeout(() => response.end(body), WORK_MS);
    });
  });
  // Longer than a proxy keeps its connections, so that it never writes to one that is being closed.
  server.keepAliveTimeout = 75_000;
  return server;
}

/** The body of the right answer. */
export function hashingAnswer(url: string, sha256: string): string {
  return `${url} ${sha256}\n`;
}

/** How long a request is in work, ms: as if it asked a database. */
const WORK_MS = 10;
