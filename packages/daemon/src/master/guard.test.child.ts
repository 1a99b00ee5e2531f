// A process that plays a daemon: it writes its PID file, starts its guard, and waits. Its arguments: the PID file, the
// file that the program writes which the guard starts, and `master` where one that lives on is to be played as well.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { LaunchInfo } from '@vhostd/protocol';
import { BoundListeners } from '../listeners/bound-listeners.js';
import { Guard } from './guard.js';

const [pidFile = '', startedFile = '', master = ''] = process.argv.slice(2);
writeFileSync(pidFile, `${process.pid}\n`);
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
const guard = new Guard();
guard.allow(launch, pidFile, new BoundListeners());
const fd = guard.stand();
const follower =
  master === ''
    ? undefined
    : spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', fd], detached: true });
process.on('message', (word) => {
  if (word === 'dismiss') guard.dismiss();
  else process.exit(0);
});
process.send?.(follower?.pid ?? 0);
