// The echo site as one that wears out: it keeps LEAK_BYTES for each request, and does not boot while there is a
// file `broken` in its working directory.
import { existsSync } from 'node:fs';
import worker from '@vhostd/worker';
import '../../kit/echo.site.js';

if (existsSync('broken')) throw new Error('broken, as the test asked');

const leakBytes = Number(process.env['LEAK_BYTES'] ?? 0);
const kept: Buffer[] = [];
worker.server.on('request', () => {
  if (leakBytes > 0) kept.push(Buffer.alloc(leakBytes, 1));
});
