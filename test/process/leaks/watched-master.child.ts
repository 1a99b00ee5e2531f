// A master under a daemon whose code can ask what the master holds, and make it hold more on purpose.
import master from '@vhostd/master';
import '@vhostd/master/run-master';
import { measure } from './resources.js';

const leaked: number[][] = [];

master.onDaemonCall('resources', () => measure());
master.onDaemonCall('leak', (bytes) => {
  // Numbers that are no small integers take 8 bytes each.
  leaked.push(Array.from({ length: Number(bytes) / 8 }, (_, index) => index + 0.5));
  return null;
});
