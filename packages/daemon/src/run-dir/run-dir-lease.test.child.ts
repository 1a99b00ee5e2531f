// Takes a run directory when told to, and holds it until it is killed or told otherwise.
import { VhostError } from '@vhostd/protocol';
import { RunDirLease } from './run-dir-lease.js';
import { resolveRunDir } from './run-dir.js';

const runDir = resolveRunDir(process.argv[2]);
process.on('disconnect', () => process.exit());
process.on('message', (command: unknown) => {
  if (command === 'exit') process.exit();
  if (command !== 'take') return;
  RunDirLease.acquire(runDir).then(
    () => process.send?.({ winner: process.pid }),
    (error: unknown) => {
      const code = error instanceof VhostError ? error.code : String(error);
      process.send?.({ code, winner: error instanceof VhostError ? error.info['pid'] : undefined });
    },
  );
});
process.send?.('up');
