// A process that plays a daemon: it writes its PID file, starts its guard, and waits. Its arguments: the PID file, the
// file that the program writes which the guard starts, and the master's pid, 0 for none.
import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { LaunchInfo } from '@vhostd/protocol';
import { BoundListeners } from '../listeners/bound-listeners.js';
import type { MasterSlot } from '../master/master-slot.js';
import { startGuard } from './guard.js';

const [pidFile = '', startedFile = '', master = '0'] = process.argv.slice(2);
writeFileSync(pidFile, `${process.pid}\n`);
const slot = Object.assign(new EventEmitter(), { pid: undefined });
const launch: LaunchInfo = {
  execPath: process.execPath,
  argv0: process.execPath,
  execArgv: ['-e', 'require("node:fs").writeFileSync(process.argv[1], process.argv.slice(2).join())'],
  args: [startedFile, 'one', 'two words'],
  cwd: process.cwd(),
  env: {},
  runDir: '',
  linkType: 'pipe',
  bootTimeoutMs: 0,
};
const dismiss = startGuard(launch, pidFile, slot as unknown as MasterSlot, new BoundListeners());
if (master !== '0') slot.emit('spawned', Number(master));
process.on('message', (word) => {
  if (word === 'dismiss') dismiss();
  else process.exit(0);
});
process.send?.('guarded');
