// Writes a PID file over and over, short and long, until it is killed: the path is the first argument. With `create`
// as the second one it creates the file once, when it is told to, and says whether it did.
import { createPidFile, writePidFile } from './pid-file.js';

const file = process.argv[2] ?? '';
process.on('disconnect', () => process.exit());
if (process.argv[3] === 'create') {
  process.on('message', () => {
    process.send?.(createPidFile(file, { pid: process.pid, startTime: '7', bootId: 'ab' }));
  });
  process.send?.('up');
} else {
  const lengths = ['7', '8'.repeat(200)];
  for (let count = 0; ; count++) {
    writePidFile(file, { pid: process.pid, startTime: lengths[count % 2] ?? '', bootId: 'ab' });
    if (count === 0) process.send?.('writing');
    if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
