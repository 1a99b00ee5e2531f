// Takes jobs out of a directory, one file each; to rename a file is to have it, so several workers may run at a time.
import { appendFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});

await mkdir('jobs', { recursive: true });
while (!stopping) {
  const jobs = (await readdir('jobs')).filter((name) => name.endsWith('.job'));
  for (const name of jobs) {
    if (stopping) break;
    await work(name);
  }
  if (jobs.length === 0) await delay(100);
}

async function work(name) {
  const taken = `jobs/${name}.${process.pid}`;
  try {
    await rename(`jobs/${name}`, taken);
  } catch {
    return; // another worker has it
  }
  await delay(10);
  await appendFile('done', `${name}\n`);
  await rm(taken);
}
