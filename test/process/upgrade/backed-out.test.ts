// An upgrade to what does not work is backed out: the old daemon, master and workers serve on as if nothing was.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Load, MIXED } from '../../kit/load.js';
import { OwnProgram, ownProgram } from '../../kit/own-program.js';
import { portOf, serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

/** What is broken, how, and what the command then says. */
const BROKEN: {
  what: string;
  break: (program: OwnProgram, vhostd: FullVhostd) => void;
  reason: RegExp;
  args?: string[];
}[] = [
  {
    what: 'a daemon program with a syntax error',
    break: (program) => program.breakDaemon(),
    reason: /the new daemon, process \d+, failed: it exited with code 1 \(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a master with a syntax error',
    break: (program) => writeFileSync(program.file('master.js'), 'this is no program'),
    reason: /the master of the new daemon exited with code 1 .*\(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a master that ends at once when it has loaded',
    break: (program) =>
      writeFileSync(
        program.file('master.js'),
        "import { master } from '@vhostd/master';\nimport '@vhostd/master/run-master';\n" +
          'const run = master.serverRun.bind(master);\n' +
          'master.serverRun = async () => { await run(); setTimeout(() => process.exit(3), 100); };\n',
      ),
    reason: /the master of the new daemon exited with code 3 .*\(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a conf that is wrong',
    break: (_program, vhostd) => writeFileSync(vhostd.confFile, '{ "sites": [{ '),
    reason: /the new daemon failed: .*vhostd\.config\.json.*[^)] \(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a site that fails',
    break: (_program, vhostd) => {
      const workerFile = join(vhostd.dir, 'broken.js');
      writeFileSync(workerFile, "throw new Error('not today');");
      vhostd.change('a', { workerFile });
    },
    reason: /site a fails there: .*not today/,
  },
  {
    // What opens the control socket asks for it, when the old daemon has let go of the run directory.
    what: 'a daemon that can’t take the run directory',
    break: (program) => program.prepend("process.umask = () => { throw new Error('not mine'); };\n"),
    reason: /cannot listen on .*control\.sock.*\(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a daemon that ends while it takes the run directory',
    break: (program) => program.prepend('process.umask = () => process.exit(9);\n'),
    reason: /it exited with code 9/,
  },
  {
    what: 'a Node that is not there',
    break: () => undefined,
    reason: /^vhostd: the new daemon failed: spawn \/nowhere\/node ENOENT \(ERR_UPGRADE_FAILED\)/,
    args: ['--node', '/nowhere/node'],
  },
];

const HOST = 'a.test';
const SITES = [{ siteId: 'a' }];

void describe('an upgrade that fails is backed out', () => {
  void it('with its reason, whatever is broken', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, program: ownProgram, sites: SITES });
    const program = new OwnProgram(vhostd.dir);
    const before = await vhostd.serves();
    const processes = vhostd.processes().toSorted((a, b) => a - b);
    const port = portOf(before);
    const kept = new Load({
      port,
      host: HOST,
      connections: 'kept',
      clientCount: 4,
      pauseMaxMs: 10,
      ...MIXED,
    });
    const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    for (const { what, break: breakIt, reason, args = [] } of BROKEN) {
      breakIt(program, vhostd);
      const { code, stdout, stderr } = await vhostd.run('upgrade', ...args);
      t.diagnostic(`${what}: ${stderr.trim()}`);
      assert.equal(code, 1, what);
      assert.match(stderr, reason);
      assert.doesNotMatch(stdout, /process none/);
      const status = await vhostd.until('the old daemon answers', serves);
      assert.equal(status.daemon.pid, before.daemon.pid);
      assert.equal(status.master?.pid, before.master?.pid);
      assert.deepEqual(workerPids(status), workerPids(before));
      assert.equal(vhostd.pidInFile(), before.daemon.pid);
      await until('nothing of it is left', () => {
        const value = vhostd.processes().toSorted((a, b) => a - b);
        return { done: value.join() === processes.join(), value };
      });
      await Promise.all([kept, fresh].map((load) => load.progress(50)));
      program.repair();
      vhostd.configure(SITES);
    }
    for (const load of [kept, fresh]) {
      const outcome = await load.stop();
      t.diagnostic(String(outcome));
      outcome.assertNothingLost();
      assert.equal(outcome.counts.announced, 0);
    }
    // And then one that works.
    assert.equal((await vhostd.run('upgrade')).code, 0);
    const counts = ['upgrade.failed', 'upgraded'].map((event) => vhostd.logged(event).length);
    assert.deepEqual(counts, [BROKEN.length, 1]);
    assert.equal((await vhostd.ended).code, 0);
    await vhostd.stop();
  });
});
