// The master's own code of the tests about hostile workers.
import master from '@vhostd/master';
import type { RigCommands } from '../kit/rig-messages.js';

master.onWorkerCall('never', () => new Promise(() => undefined));
master.onWorkerCall('polluted', () => Reflect.get({}, 'cpuLen') ?? 'no');

export const commands: RigCommands = {};
