// A master under a daemon, with code of its own that daemon and workers call.
import master from '@vhostd/master';
import '@vhostd/master/run-master';

master.onDaemonCall('double', (params) => Number(params) * 2);
master.onDaemonCall('fail', () => {
  throw Object.assign(new Error('the master will not'), { code: 'E_WILL_NOT' });
});
master.onDaemonCall('never', () => new Promise(() => undefined));
master.onDaemonCall('ask back', async (params) => await master.callDaemon('whoami', params));
master.onDaemonCall(
  'ask back by callback',
  (params) =>
    new Promise((resolve, reject) => {
      master.callDaemon('whoami', params, (error, result) =>
        error === null ? resolve(result) : reject(error),
      );
    }),
);
