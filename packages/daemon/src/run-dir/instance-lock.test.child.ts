// Takes the lock of a run directory when told to, and holds it until it is killed or told otherwise.
import { VhostError } from '@vhostd/protocol';
import { acquireInstanceLock } from './instance-lock.js';
import { resolveRunDir } from './run-dir.js';

const runDir = resolveRunDir(process.argv[2]);
process.on('disconnect', () => process.exit());
process.on('message', (command: unknown) => {
  if (command === 'exit') process.exit();
  if (command === 'block') {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
    setTimeout(() => process.send?.('unblocked'), 1_500);
  }
  if (command === 'take') {
    acquireInstanceLock(runDir, {
      checkMs: 1_000,
      onLost: (error) => process.send?.({ lost: error.code }),
    }).then(
      () => process.send?.({ winner: process.pid }),
      (error: unknown) => {
        process.send?.(
          error instanceof VhostError ? { code: error.code, winner: error.info['pid'] } : String(error),
        );
      },
    );
  }
});
process.send?.('up');
