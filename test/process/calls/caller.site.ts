// A site that calls whom it is told to call, and answers calls itself.
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import worker from '@vhostd/worker';

/** What a client asks the site to call. */
export interface CallOrder {
  /** Whom to call; of several, the first that is not the caller itself. */
  to: string | string[];
  name: string;
  params?: unknown;
  timeoutMs?: number;
  /** Asks by callback instead of by promise. */
  callback?: boolean;
}

/** How the call ended. */
export type CallReport = { me: string } & (
  { value: unknown } | { error: { code: string; message: string; stack: string } }
);

const server = createServer((request, response) => {
  void readOrder(request)
    .then(obey)
    .then((report) => response.end(JSON.stringify({ me: worker.id, ...report })));
});
// An upgrade request names who gets its connection: the master, the daemon or a worker.
server.on('upgrade', (request, socket) => {
  const to = decodeURIComponent((request.url ?? '/').slice(1));
  const options = { socket: socket as Socket };
  void call(to, 'socket', { from: worker.id }, options).catch(() => socket.destroy());
});
worker.server = server;

worker.onMasterCall('echo', (params, { from }) => ({ params, from }));
worker.onMasterCall('fail', () => {
  throw Object.assign(new Error('the worker will not'), { code: 'E_WILL_NOT' });
});
worker.onMasterCall('never', () => new Promise(() => undefined));
worker.onWorkerCall('whoami', (params, { from }) => ({ me: worker.id, from, params }));
worker.onWorkerCall('exit', () => process.exit(3));
worker.onWorkerCall('socket', (params, { from, socket }) => {
  const text = `${worker.id} for ${from}`;
  socket?.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  return params;
});

worker.onDaemonCall('whoami', (params, { from }) => ({ me: worker.id, from, params }));
worker.onDaemonCall('fail', () => {
  throw Object.assign(new Error('the worker will not'), { code: 'E_WILL_NOT' });
});
worker.onDaemonCall('socket', (params, { from, socket }) => {
  socket?.end(`${worker.id} for ${from}`);
  return params;
});

async function obey(order: CallOrder): Promise<object> {
  const { name, params, timeoutMs, callback } = order;
  const to = typeof order.to === 'string' ? order.to : (order.to.find((id) => id !== worker.id) ?? '');
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  try {
    if (callback !== true) return { value: (await call(to, name, params, options)) ?? null };
    const value = await new Promise((resolve, reject) => {
      const done = (error: Error | null, result?: unknown): void =>
        error === null ? resolve(result) : reject(error);
      if (to === 'master') worker.callMaster(name, params, done);
      else worker.callWorker(to, name, params, options, done);
    });
    return { value };
  } catch (thrown) {
    const error = thrown as Error & { code: string };
    return { error: { code: error.code, message: error.message, stack: error.stack ?? '' } };
  }
}

function call(to: string, name: string, params: unknown, options: object): Promise<unknown> {
  if (to === 'master') return worker.callMaster(name, params, options);
  return to === 'daemon'
    ? worker.callDaemon(name, params, options)
    : worker.callWorker(to, name, params, options);
}

async function readOrder(request: IncomingMessage): Promise<CallOrder> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as CallOrder;
}
