// What the master process of the hostile tests can be asked: whether its objects are clean, and to call a worker.
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import master from '@vhostd/master';
import type { Commands } from '../../kit/orders.js';

setFlagsFromString('--expose-gc');
/** Long enough for the ends of what was collected, which run in turns of the loop. */
const GARBAGE_TURN_MS = 500;
const collectGarbage = runInNewContext('gc') as () => void;

master.onWorkerCall('echo', (params) => String(params).length);

export const commands: Commands = {
  /**
   * The least that three collections with a turn between them leave: the last long text that was looked at is
   * kept by V8 (external, 8 MB here) until the next one is, and goes with the collection behind that.
   */
  liveBytes: async () => {
    for (let round = 0; round < 3; round += 1) {
      collectGarbage();
      await setTimeout(GARBAGE_TURN_MS);
    }
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
