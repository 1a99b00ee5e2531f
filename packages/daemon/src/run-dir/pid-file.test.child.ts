// Writes a PID file over and over, short and long, until it is killed: the path is the first argument.
import { writePidFile } from './pid-file.js';

const file = process.argv[2] ?? '';
const lengths = ['7', '8'.repeat(200)];
process.on('disconnect', () => process.exit());
for (let count = 0; ; count++) {
  writePidFile(file, { pid: process.pid, startTime: lengths[count % 2] ?? '', bootId: 'ab' });
  if (count === 0) process.send?.('writing');
  if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
}
