// A master as `vhostd run` starts it, that a test can give orders.
import master from '@vhostd/master';
import '@vhostd/master/run-master';
import type { MaintenanceOptions, PauseOptions } from '@vhostd/protocol';
import { answerOrders } from './orders.js';
import type { Commands } from './orders.js';

let often: NodeJS.Timeout | undefined;
let onServed: (outcome: unknown) => void = () => undefined;
const served = new Promise((resolve) => {
  onServed = resolve;
});

const commands: Commands = {
  /** Resolves once every site is published or has failed. */
  served: () => served,
  status: () => master.status(),
  reload: (siteId) => master.reloadConf(typeof siteId === 'string' ? siteId : undefined),
  pause: (params) => {
    const { siteId, options } = params as { siteId: string; options?: PauseOptions };
    return master.pauseSite(siteId, options);
  },
  resume: (siteId) => master.resumeSite(String(siteId)),
  maintenance: (params) => {
    const { siteId, options } = params as { siteId: string; options: MaintenanceOptions | null };
    return master.maintenance(siteId, options);
  },
  /** Keeps the master from running for so many ms. */
  block: (ms) => block(Number(ms)),
  /** For so many ms of each 25. */
  blockOften: (ms) => {
    clearInterval(often);
    if (Number(ms) > 0) often = setInterval(() => block(Number(ms)), 25);
  },
  /** Calls a handler that a worker's code set with `onMasterCall`. */
  callWorker: (params) => {
    const call = params as { to: string; name: string; params?: unknown; timeoutMs?: number };
    const { to, name, timeoutMs } = call;
    return master.callWorker(to, name, call.params, timeoutMs === undefined ? {} : { timeoutMs });
  },
  stop: (now) => void master.stop(now === true),
};

const own = process.env['MASTER_COMMANDS'];
delete process.env['MASTER_COMMANDS'];
const loaded = own === undefined ? undefined : import(own);

const run = master.serverRun.bind(master);
master.serverRun = async () => {
  Object.assign(commands, ((await loaded) as { commands?: Commands } | undefined)?.commands);
  const outcome = await run();
  onServed(outcome);
  return outcome;
};

const report = answerOrders(commands);
master.on('server::listening', (data) => report('server::listening', data));
master.on('server::close', (data) => report('server::close', data));
master.on('server::error', ({ message }) => report('server::error', message));
master.on('error', ({ siteId, message }) => report('error', { siteId, message }));

// A test that has died leaves nothing behind.
process.on('disconnect', () => void master.stop(true));

function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}
