// A site that names its hosts, which are in LISTEN, once the file GATE is there, and is ready then.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import worker from '@vhostd/worker';

const gate = process.env['GATE'] ?? '';
const update = { listen: JSON.parse(process.env['LISTEN'] ?? '[]') as [] };

worker.lifecycle({
  started: async () => {
    while (!existsSync(gate)) await delay(10);
    await worker.updateServerConf(update);
  },
});
worker.server = createServer((_request, response) => response.end('late'));
