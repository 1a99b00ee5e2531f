// A daemon as the documents show it: nothing in it knows of its own respawn. It writes its events to standard output.
// Beside it may lie a `master.js` of its own.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Daemon } from '@vhostd/daemon';

const [runDir = '', config = ''] = process.argv.slice(2);
const supervision = { bootTimeoutMs: 60_000 };
const daemon = new Daemon({ runDir, masterArgs: ['--config', config], supervision });
const events = [
  'master::spawned',
  'master::adopted',
  'master::ready',
  'master::exit',
  'loaded',
  'stopped',
] as const;
for (const event of events) daemon.on(event, () => console.log(`${process.pid} ${event}`));
// Ends without having stopped: with a code that says that all is well, or one that says that it is not.
process.on('SIGWINCH', () => process.exit(0));
process.on('SIGURG', () => process.exit(1));
daemon.on('loadend', () => {
  const own = fileURLToPath(new URL('./master.js', import.meta.url));
  daemon.setMasterFile(
    existsSync(own) ? own : fileURLToPath(import.meta.resolve('@vhostd/master/run-master')),
  );
  daemon.run().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
