// A vhostd master as `vhostd run` starts it, without a daemon. Arguments: --config FILE.
import { master } from '@vhostd/master';
import '@vhostd/master/run-master';
import { sendReady } from './ready.js';

let port: number | undefined;
master.on('server::listening', (info) => {
  port ??= info.port;
});
const poll = setInterval(() => {
  if (port === undefined) return;
  const { sites } = master.status();
  const workers = sites.flatMap((site) => site.workers);
  const wanted = Number(process.env['BENCH_WORKERS']);
  if (workers.filter((worker) => worker.state === 'ready').length < wanted) return;
  clearInterval(poll);
  sendReady({ port, workerPids: workers.flatMap(({ pid }) => pid ?? []) });
}, 20);
process.on('disconnect', () => void master.stop(true));
