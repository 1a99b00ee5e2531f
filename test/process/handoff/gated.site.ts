// A site that is ready only while the file GATE is there, and answers with its pid.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import worker from '@vhostd/worker';

const gate = process.env['GATE'] ?? '';

worker.lifecycle({
  started: async () => {
    while (!existsSync(gate)) await delay(10);
  },
});
worker.server = createServer((_request, response) => response.end(String(process.pid)));
