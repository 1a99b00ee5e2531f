// The master's own code of the tests about calls.
import master from '@vhostd/master';
import type { Commands } from '../../kit/orders.js';

let released: (() => void) | undefined;

master.onWorkerCall('double', (params) => Number(params) * 2);
master.onWorkerCall('fail', () => {
  throw Object.assign(new Error('the master will not'), { code: 'E_WILL_NOT' });
});
master.onWorkerCall('cycle', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  return cycle;
});
master.onWorkerCall('never', () => new Promise(() => undefined));
master.onWorkerCall('later', () => new Promise<void>((resolve) => (released = resolve)));
master.onWorkerCall('socket', (params, { from, socket }) => {
  const text = `master for ${from}`;
  socket?.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  return params;
});

export const commands: Commands = {
  callWorker: (order) => {
    const { workerId, name, params, timeoutMs } = order as {
      workerId: string;
      name: string;
      params: unknown;
      timeoutMs?: number;
    };
    return master.callWorker(workerId, name, params, timeoutMs === undefined ? {} : { timeoutMs });
  },
  callWorkerBack: (order) => {
    const { workerId, name, params } = order as { workerId: string; name: string; params: unknown };
    return new Promise((resolve, reject) => {
      master.callWorker(workerId, name, params, (error, result) =>
        error === null ? resolve(result) : reject(error),
      );
    });
  },
  release: () => released?.(),
};
