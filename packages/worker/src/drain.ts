// Ends a server's connections without cutting a request: no new ones, `Connection: close` on what is answered
// from now on, idle ones closed, and at the limit whatever is left.
import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Server } from 'node:net';

/**
 * Resolves once the server has no connection left, or at the limit, when those that are left are destroyed.
 */
export async function drainServer(server: Server, limitMs: number): Promise<{ cut: number }> {
  announceClose(server);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const http = server as Partial<HttpServer>;
  // `close` leaves alone a kept-alive connection whose response ends only now; its next idle moment ends it.
  const sweep = setInterval(() => http.closeIdleConnections?.(), SWEEP_MS);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<'limit'>((resolve) => {
    timer = setTimeout(() => resolve('limit'), limitMs);
  });
  let cut = 0;
  if ((await Promise.race([closed, limit])) === 'limit') {
    cut = await new Promise<number>((resolve) =>
      server.getConnections((_error, count) => resolve(count ?? 0)),
    );
    http.closeAllConnections?.();
  }
  clearInterval(sweep);
  clearTimeout(timer);
  return { cut };
}

function announceClose(server: Server): void {
  server.prependListener('request', (_request: unknown, response: ServerResponse) => {
    if (!response.headersSent) response.setHeader('Connection', 'close');
    response.shouldKeepAlive = false;
  });
}

/** How often idle connections are looked for while draining, ms. */
const SWEEP_MS = 50;
