// A master under a daemon that the daemon's code can block for so many ms.
import master from '@vhostd/master';
import '@vhostd/master/run-master';

master.onDaemonCall('block', (ms) => {
  const untilMs = performance.now() + Number(ms);
  while (performance.now() < untilMs);
  return null;
});
