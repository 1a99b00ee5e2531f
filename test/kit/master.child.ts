// A master as `vhostd run` starts it, that answers a test over its IPC channel.
import master from '@vhostd/master';
import '@vhostd/master/run-master';
import type { MaintenanceOptions, PauseOptions } from '@vhostd/protocol';
import { isOrder } from './master-messages.js';
import type { MasterCommands, MasterReport, WorkerCall } from './master-messages.js';

const report = (message: MasterReport): void => void (process.connected && process.send?.(message));

let often: NodeJS.Timeout | undefined;

const commands: MasterCommands = {
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
  block: (ms) => block(Number(ms)),
  blockOften: (ms) => {
    clearInterval(often);
    if (Number(ms) > 0) often = setInterval(() => block(Number(ms)), 25);
  },
  callWorker: (params) => {
    const { to, name, params: own, timeoutMs } = params as WorkerCall;
    return master.callWorker(to, name, own, timeoutMs === undefined ? {} : { timeoutMs });
  },
  stop: (now) => void master.stop(now === true),
};

const setup = process.env['MASTER_COMMANDS'];
delete process.env['MASTER_COMMANDS'];
const loaded = setup === undefined ? undefined : import(setup);

const run = master.serverRun.bind(master);
master.serverRun = async () => {
  const own = (await loaded) as { commands?: MasterCommands } | undefined;
  Object.assign(commands, own?.commands);
  const result = await run();
  report({ ready: result });
  return result;
};
master.on('server::listening', (data) => report({ event: 'server::listening', data }));
master.on('server::close', (data) => report({ event: 'server::close', data }));
master.on('server::error', ({ message }) => report({ event: 'server::error', data: message }));
master.on('error', ({ siteId, message }) => report({ event: 'error', data: { siteId, message } }));

process.on('message', (order) => {
  if (!isOrder(order)) return;
  const { id, command, params } = order;
  Promise.resolve()
    .then(() => {
      const answer = commands[command];
      if (answer === undefined) throw new Error(`no command ${command}`);
      return answer(params);
    })
    .then(
      (value) => report({ id, value: value ?? null }),
      (error: unknown) => report({ id, error: describe(error) }),
    );
});
// A test that has died leaves nothing behind.
process.on('disconnect', () => void master.stop(true));

function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

function describe(thrown: unknown): { code: string; message: string; stack: string } {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { code, message: error.message, stack: error.stack ?? '' };
}
