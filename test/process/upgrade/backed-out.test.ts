// An upgrade to what does not work is backed out: the old daemon, master and workers serve on as if nothing was.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LastingRig, HOST, portOf, serves, workerPids } from '../../kit/lasting-rig.js';
import { ConnectLoad } from '../../kit/connect-load.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { ownProgram, programFile, repairProgram } from '../../kit/own-program.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { until } from '../../kit/until.js';

/** What is broken, how, and what the command then says. */
const BROKEN: { what: string; break: (rig: LastingRig) => void; reason: RegExp; args?: string[] }[] = [
  {
    what: 'a daemon program with a syntax error',
    break: ({ dir }) => writeFileSync(programFile(dir, 'daemon.js'), 'this is no program'),
    reason: /the new daemon, process \d+, failed: it exited with code 1 \(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a master with a syntax error',
    break: ({ dir }) => writeFileSync(programFile(dir, 'master.js'), 'this is no program'),
    reason: /the master of the new daemon exited with code 1 .*\(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a master that ends at once when it has loaded',
    break: ({ dir }) =>
      writeFileSync(
        programFile(dir, 'master.js'),
        "import { master } from '@vhostd/master';\nimport '@vhostd/master/run-master';\n" +
          'const run = master.serverRun.bind(master);\n' +
          'master.serverRun = async () => { await run(); setTimeout(() => process.exit(3), 100); };\n',
      ),
    reason: /the master of the new daemon exited with code 3 .*\(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a conf that is wrong',
    break: (rig) => writeFileSync(rig.config, '{ "sites": [{ '),
    reason: /the new daemon failed: .*vhostd\.config\.json.*[^)] \(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a site that fails',
    break: (rig) => {
      const workerFile = join(rig.dir, 'broken.js');
      writeFileSync(workerFile, "throw new Error('not today');");
      rig.configure({ workerFile });
    },
    reason: /site a fails there: .*not today/,
  },
  {
    // What opens the control socket asks for it, when the old daemon has let go of the run directory.
    what: 'a daemon that can’t take the run directory',
    break: ({ dir }) => prepend(dir, "process.umask = () => { throw new Error('not mine'); };\n"),
    reason: /cannot listen on .*control\.sock.*\(ERR_UPGRADE_FAILED\)/,
  },
  {
    what: 'a daemon that ends while it takes the run directory',
    break: ({ dir }) => prepend(dir, 'process.umask = () => process.exit(9);\n'),
    reason: /it exited with code 9/,
  },
  {
    what: 'a Node that is not there',
    break: () => undefined,
    reason: /^vhostd: the new daemon failed: spawn \/nowhere\/node ENOENT \(ERR_UPGRADE_FAILED\)/,
    args: ['--node', '/nowhere/node'],
  },
];

/** Puts code in front of the daemon's program. */
function prepend(dir: string, code: string): void {
  const file = programFile(dir, 'daemon.js');
  writeFileSync(file, code + readFileSync(file, 'utf8'));
}

void describe('an upgrade that fails is backed out', () => {
  void it('with its reason, whatever is broken', async (t) => {
    const rig = await LastingRig.start(t, { program: ownProgram, cpuLen: 1 });
    const before = await rig.until('the site serves', serves);
    const processes = rig.processes().toSorted((a, b) => a - b);
    const port = portOf(before);
    const kept = new KeepAliveLoad({ port, host: HOST, clientCount: 4, seed: 5 });
    const fresh = new ConnectLoad(port, HOST);
    for (const { what, break: breakIt, reason, args = [] } of BROKEN) {
      breakIt(rig);
      const { code, stdout, stderr } = await rig.command('upgrade', ...args);
      t.diagnostic(`${what}: ${stderr.trim()}`);
      assert.equal(code, 1, what);
      assert.match(stderr, reason);
      assert.doesNotMatch(stdout, /process none/);
      const status = await rig.until('the old daemon answers', serves);
      assert.equal(status.daemon.pid, before.daemon.pid);
      assert.equal(status.master?.pid, before.master?.pid);
      assert.deepEqual(workerPids(status), workerPids(before));
      assert.equal(rig.pidInFile(), before.daemon.pid);
      await until('nothing of it is left', () => {
        const value = rig.processes().toSorted((a, b) => a - b);
        return { done: value.join() === processes.join(), value };
      });
      await Promise.all([kept, fresh].map((load) => load.progress(50)));
      repairProgram(rig.dir);
      rig.configure();
    }
    for (const tally of [await kept.stop(), await fresh.stop()]) {
      t.diagnostic(`${JSON.stringify(tally.counts)}, ${tally.connectCount} connections`);
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
      assert.equal(tally.announcedCount, 0);
    }
    // And then one that works.
    assert.equal((await rig.command('upgrade')).code, 0);
    const logged = (event: string): number => rig.output.split(`"event":"${event}"`).length - 1;
    assert.deepEqual([logged('upgrade.failed'), logged('upgraded')], [BROKEN.length, 1]);
    assert.equal(await rig.first.ended, 0);
    await rig.client.stop();
    await rig.gone();
  });
});
