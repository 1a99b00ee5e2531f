// Sites that are not programs of Node: started, watched, logged and told to end as others are.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { give, OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { isAlive } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const SHELL = { interpreter: 'sh', listen: [] };

/** Writes a program into a directory of its own, which is removed after the test. */
function writeProgram(t: TestContext, text: string, mode = 0o644): string {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-program-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'program');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** Lines that programs have written into a file. */
function linesOf(dir: string, name = 'told'): string[] {
  const file = join(dir, name);
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function told(dir: string, what: string, count = 1, name = 'told'): Promise<string[]> {
  return await until(`${what}, ${count} times`, () => {
    const value = linesOf(dir, name).filter((line) => line.startsWith(what));
    return { done: value.length >= count, value };
  });
}

/** Says when it begins and when it is told to end, and has a child. */
const WORKER = `
echo "begin $$ $NODE_APP_INSTANCE $1" >> told
trap 'echo "told $$" >> told; exit 0' TERM
sleep 1000 &
echo "child $!" >> told
wait`;

void describe('a shell script as a site', { concurrency: 2 }, () => {
  void it('needs no interpreter in the conf where its first line names one', async (t) => {
    const text = `#!/usr/bin/env -S sh -e\necho "begin $-"\nfalse\necho goes on`;
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', workerFile: writeProgram(t, `#!/bin/sh\n${WORKER}`), listen: [] },
        { siteId: 'b', workerFile: writeProgram(t, text), listen: [], autorestart: false },
      ],
      wait: false,
    });
    const { sites } = await vhostd.until(
      'one runs, the other one has failed',
      ({ sites: [one, other] }) => one?.state === 'running' && other?.state === 'errored',
    );
    const [, pid] = (await told(vhostd.dir, 'begin'))[0]?.split(' ') ?? [];
    assert.equal(sites[0]?.workers[0]?.pid, Number(pid));
    assert.match(sites[1]?.reason ?? '', /exited with code 1/);
    await vhostd.says(/begin \S*e/);
    assert.equal(vhostd.output.includes('goes on'), false);
  });

  void it('has arguments, logs, and a next one before it is told to end', async (t) => {
    const vhostd = await startVhostd(t, {
      sites: [
        {
          siteId: 'a',
          workerFile: writeProgram(t, `echo out; echo err >&2; ${WORKER}`),
          ...SHELL,
          workerArgs: ['now and then'],
          logAll: 'all.log',
        },
      ],
    });
    await told(vhostd.dir, 'child');
    const [first] = await vhostd.workers('a');
    const old = first?.pid ?? 0;
    assert.equal(linesOf(vhostd.dir)[0], `begin ${old} 0 now and then`);
    await vhostd.reloaded('a');
    await told(vhostd.dir, 'child', 2);
    await until('the old one has ended', () => ({ done: !isAlive(old), value: old }));
    const [second] = await vhostd.workers('a');
    const said = linesOf(vhostd.dir).filter((line) => !line.startsWith('child'));
    assert.deepEqual(said, [
      `begin ${old} 0 now and then`,
      `begin ${second?.pid} 0 now and then`,
      `told ${old}`,
    ]);
    const [child] = await told(vhostd.dir, 'child');
    const pid = Number(child?.split(' ')[1]);
    await until('so has its child', () => ({ done: !isAlive(pid), value: pid }));
    await until('both are logged', () => {
      const value = linesOf(vhostd.dir, 'all.log').toSorted();
      return { done: value.join() === 'err,err,out,out', value };
    });
    assert.equal(vhostd.output.includes('"level":40'), false, vhostd.output);
  });

  void it('is started again when it ends, and its last words say why it did', async (t) => {
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', workerFile: writeProgram(t, `${WORKER}; echo gone wrong >&2; exit 3`), ...SHELL },
      ],
    });
    const [child] = await told(vhostd.dir, 'child');
    process.kill(Number(child?.split(' ')[1]), 'SIGKILL');
    await told(vhostd.dir, 'begin', 2);
    const { sites } = await vhostd.until(
      'the next one runs',
      ({ sites: [a] }) => a?.workers[0]?.state === 'ready',
    );
    assert.match(sites[0]?.workers[0]?.reason ?? '', /exited with code 3; it printed: gone wrong/);
  });

  void it('that only heeds SIGKILL is killed with all that it has started', async (t) => {
    const text = `echo "begin $$" >> told; trap '' TERM; sleep 1000 & echo "child $!" >> told; while :; do sleep 0.1; done`;
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile: writeProgram(t, text), ...SHELL, stopTimeout: '500ms' }],
    });
    await told(vhostd.dir, 'child');
    const { code } = await vhostd.run('stop', 'a');
    assert.equal(code, 0);
    const pids = linesOf(vhostd.dir).map((line) => Number(line.split(' ')[1]));
    await until('both have gone', () => ({ done: !pids.some(isAlive), value: pids }));
  });

  void it('is told to end when its master dies, and the next master starts another one', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile: writeProgram(t, WORKER), ...SHELL, stopTimeout: '10m' }],
    });
    await told(vhostd.dir, 'child');
    const { master } = await vhostd.status();
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await told(vhostd.dir, 'told');
    await told(vhostd.dir, 'begin', 2);
    const [child] = await told(vhostd.dir, 'child');
    const pid = Number(child?.split(' ')[1]);
    await until('the child of the first one has ended', () => ({ done: !isAlive(pid), value: pid }));
  });

  void it('runs as the user of its site', { skip: otherUserSkip }, async (t) => {
    const { theirs } = placesOf(t);
    const workerFile = join(theirs, 'program');
    writeFileSync(workerFile, 'echo "$(id -u) $(ulimit -n) $HOME $PWD" >> told; exec sleep 1000');
    give(workerFile);
    await startVhostd(t, {
      sites: [
        { siteId: 'a', path: theirs, workerFile, ...SHELL, user: OTHER_USER, workerOptions: { nofile: 77 } },
      ],
    });
    assert.deepEqual(await told(theirs, ''), [`${OTHER_USER} 77 / ${theirs}`]);
  });

  void it('as a job is finished or errored by its exit code', async (t) => {
    const job = { ...SHELL, autorestart: false };
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', workerFile: writeProgram(t, 'exit 0'), ...job },
        { siteId: 'b', workerFile: writeProgram(t, 'echo no such table >&2; exit 4'), ...job },
      ],
      wait: false,
    });
    const { sites } = await vhostd.until(
      'both have ended',
      ({ sites: all }) =>
        all.length === 2 && all.every(({ state }) => state === 'finished' || state === 'errored'),
    );
    assert.deepEqual(
      sites.map(({ state }) => state),
      ['finished', 'errored'],
    );
    assert.match(sites[1]?.reason ?? '', /exited with code 4; it printed: no such table/);
  });
});

void describe('a program as a site', { concurrency: 2 }, () => {
  void it('runs by itself, with the signal that its conf names', async (t) => {
    const text = `#!/bin/sh\necho "begin $$" >> told; trap 'echo "told by INT" >> told; exit 0' INT; while :; do sleep 0.1; done`;
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [
        {
          siteId: 'a',
          workerFile: writeProgram(t, text, 0o755),
          interpreter: 'none',
          listen: [],
          stopSignal: 'SIGINT',
          stopTimeout: '10m',
        },
      ],
    });
    await told(vhostd.dir, 'begin');
    assert.equal((await vhostd.run('restart', 'a')).code, 0);
    assert.deepEqual(
      linesOf(vhostd.dir).map((line) => line.replace(/\d+/, 'N')),
      ['begin N', 'told by INT', 'begin N'],
    );
  });

  void it('that cannot be run says why', async (t) => {
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', workerFile: writeProgram(t, ''), interpreter: 'no-such-thing', listen: [] },
        { siteId: 'b', workerFile: writeProgram(t, '#!/bin/sh'), interpreter: 'none', listen: [] },
      ],
      wait: false,
    });
    const { sites } = await vhostd.until(
      'both say why',
      ({ sites: all }) => all.length === 2 && all.every(({ reason }) => reason !== undefined),
    );
    assert.match(sites[0]?.reason ?? '', /no-such-thing/);
    assert.match(sites[1]?.reason ?? '', /EACCES|Permission denied/);
  });

  void it('that needs more memory than it may have is replaced', async (t) => {
    const text = `const kept = [];
    if (!require('node:fs').existsSync('grown')) {
      require('node:fs').writeFileSync('grown', '');
      for (let n = 0; n < 30; n += 1) kept.push(Buffer.alloc(10e6, 1));
    }
    require('node:fs').appendFileSync('told', 'begin ' + process.pid + '\\n');
    setInterval(() => kept.length, 1000);`;
    const vhostd = await startVhostd(t, {
      sites: [
        {
          siteId: 'a',
          workerFile: writeProgram(t, text),
          interpreter: process.execPath,
          listen: [],
          memoryLimit: '200mb',
          heartbeatInterval: '100ms',
        },
      ],
    });
    const { sites } = await vhostd.until(
      'it is replaced',
      ({ sites: [a] }) => a?.workers[0]?.replacements === 1,
    );
    assert.match(sites[0]?.workers[0]?.reason ?? '', /memory limit: \d+ MB resident, allowed are 200 MB/);
  });
});
