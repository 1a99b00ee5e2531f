// A site that writes down what happens to it: a line `siteId pid event` in RECORD for each, in the order of the
// machine. What it is to do is said by files in its working directory and by variables:
//   file `hold-SITE`     `started` waits until it is gone           file `fail-SITE`  `started` fails
//   ASYNC_HOOK=merged|created  that hook returns a promise          STOPPED_MS        how long `stopped` takes
//   WAIT_FOR, WAIT_MS    `started` waits for these sites, JSON, so long
//   GET /until/FILE      is answered as soon as this file is there
// The master's code can call `wait` with the arguments of `waitForSites`, and `waitByCallback`.
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import worker from '@vhostd/worker';

const env = process.env;

function record(event: string): void {
  appendFileSync(env['RECORD'] ?? '', `${worker.siteId} ${process.pid} ${event}\n`);
}

async function waitFor(siteIds: string[], timeoutMs?: number): Promise<string> {
  await worker.waitForSites(siteIds, timeoutMs === undefined ? {} : { timeoutMs });
  return 'published';
}

record('loaded');
worker.lifecycle({
  merged: () => {
    record('merged');
    // What a hook must not do.
    return env['ASYNC_HOOK'] === 'merged' ? (Promise.resolve() as never) : undefined;
  },
  created: () => {
    record('created');
    return env['ASYNC_HOOK'] === 'created' ? (Promise.resolve() as never) : undefined;
  },
  started: async () => {
    record('starting');
    while (existsSync(`hold-${worker.siteId}`)) await delay(20);
    if (env['WAIT_FOR'] !== undefined) {
      await waitFor(JSON.parse(env['WAIT_FOR']) as string[], Number(env['WAIT_MS']));
    }
    if (existsSync(`fail-${worker.siteId}`)) {
      throw Object.assign(new Error('the database is not there'), { code: 'ERR_DATABASE' });
    }
    record('started');
  },
  stopped: async () => {
    record('stopping');
    await delay(Number(env['STOPPED_MS'] ?? 0));
    record('stopped');
  },
});
worker.on('drain', () => record('drain'));
process.on('exit', () => record(process.connected ? 'exit with a channel' : 'exit'));
worker.onMasterCall('wait', (params) => {
  const { siteIds, timeoutMs } = params as { siteIds: string[]; timeoutMs?: number };
  return waitFor(siteIds, timeoutMs);
});
worker.onMasterCall('waitByCallback', (siteIds) => {
  return new Promise((resolve) => {
    worker.waitForSites(siteIds as string, { timeoutMs: 300 }, (error, result) =>
      resolve([error === null ? null : Reflect.get(error, 'code'), result ?? null]),
    );
  });
});
const server = createServer((request, response) => {
  record(`request ${request.url}`);
  const end = (): void => void response.end(String(process.pid));
  const file = /^\/until\/(\w+)/.exec(request.url ?? '')?.[1];
  if (file === undefined) return end();
  const timer = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(timer);
    end();
  }, 10);
});
server.on('connection', (socket) => {
  socket.on('close', () => record('closed'));
});
worker.server = server;
void worker.updateServerConf({ cpuLen: 1 });
