// Stands for a fault of the runtime, loaded into each of its processes: a master dies of a message of a site.
import cluster from 'node:cluster';

if (cluster.isPrimary) {
  cluster.on('message', (_worker, message) => {
    if (message === 'die') process.kill(process.pid, 'SIGKILL');
  });
}
