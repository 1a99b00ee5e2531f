// A daemon in a process of its own that tells a test what it and its master hold. Arguments: run directory, conf.
import { fileURLToPath } from 'node:url';
import { Daemon } from '@vhostd/daemon';
import { answerOrders } from '../../kit/orders.js';
import { measure } from './resources.js';

const [runDir = '', config = ''] = process.argv.slice(2);
const daemon = new Daemon({
  runDir,
  masterFile: fileURLToPath(new URL('./watched-master.child.js', import.meta.url)),
  masterArgs: ['--config', config],
  execArgv: process.execArgv,
  logLevel: 'silent',
  signals: false,
  supervision: { heartbeat: { intervalMs: 3_600_000, limitMs: 7_200_000 } },
});
daemon.on('loaded', () => console.log(`${process.pid} loaded`));
answerOrders({
  daemon: () => measure(),
  master: () => daemon.callMaster('resources'),
  leak: () => daemon.callMaster('leak', LEAK_BYTES),
});
process.on('disconnect', () => void daemon.stop({ now: true }).then(() => process.exit()));
await daemon.run();

/** What the order `leak` makes the master hold. */
const LEAK_BYTES = 102_400;
