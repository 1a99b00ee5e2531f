// What the master process of the hostile tests can be asked: whether its objects are clean, and to call a worker.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import master from '@vhostd/master';
import type { Commands } from '../../kit/orders.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

master.onWorkerCall('echo', (params) => String(params).length);

export const commands: Commands = {
  liveBytes: () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  polluted: () => Reflect.get({}, 'polluted') !== undefined || Reflect.get({}, 'cpuLen') !== undefined,
  /** Many large calls at once; how each ended, by code. */
  callOften: async (params) => {
    const { to, count, bytes } = params as { to: string; count: number; bytes: number };
    const text = 'p'.repeat(bytes);
    const outcomes: Record<string, number> = {};
    const calls: Promise<void>[] = [];
    for (let at = 0; at < count; at += 1) {
      const call = master.callWorker(to, 'echo', text, { timeoutMs: 60_000 }).then(
        (length) => (length === bytes ? 'ok' : 'wrong'),
        (error: unknown) => (error as { code?: string }).code ?? '',
      );
      calls.push(call.then((code) => void (outcomes[code] = (outcomes[code] ?? 0) + 1)));
      if (at % 500 === 0) await new Promise(setImmediate);
    }
    await Promise.all(calls);
    return outcomes;
  },
};
