// New generations that fail in every way there is: each is discarded with its reason, which the command, the status
// and the log tell, while the old one serves on without a failed request. Then a good one goes in.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { atEnd } from '../../kit/at-end.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { Load, MIXED } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import { siteFile } from '../../kit/start-vhostd.js';

const GOOD = `import ${JSON.stringify(pathToFileURL(siteFile('echo')).href)};`;
const WORKER = `import worker from ${JSON.stringify(import.meta.resolve('@vhostd/worker'))};`;
const BOOT_LIMIT_MS = 2500;
/** What the status says before the reason of a failed reload. */
const SERVES_ON = 'the last reload failed, generation 1 serves on: ';

interface Fault {
  what: string;
  /** The site's code; absent: there is none. */
  code?: string;
  /** The file that it is in; default: `server.mjs`. */
  file?: string;
  /** Fields of the site's conf that are otherwise. */
  conf?: Record<string, unknown>;
  reason: RegExp;
  /** Its first worker serves until the second one fails. */
  servedFor?: true;
}

/** A server that holds a port of another process, as far as the site can tell. */
async function holdPort(t: TestContext): Promise<number> {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  atEnd(t, () => holder.close());
  return (holder.address() as AddressInfo).port;
}

function faults(takenPort: number, marker: string): Fault[] {
  const onlyFirst = `import { closeSync, existsSync, openSync } from 'node:fs';
const marker = ${JSON.stringify(marker)} + worker.generation;
const second = existsSync(marker);
if (!second) closeSync(openSync(marker, 'w'));`;
  const listen = (host: string, on: number): string =>
    `${WORKER} ${GOOD} worker.updateServerConf({ listen: [{ host: '${host}', port: ${on}, ipaddress: '127.0.0.1' }] });`;
  return [
    {
      what: 'throws while it loads',
      code: `throw new Error('no database');`,
      reason: /no database \(ERR_WORKER_FAILED\)$/,
    },
    {
      what: 'throws an error with a code',
      code: `throw Object.assign(new Error('no database'), { code: 'E_DATABASE' });`,
      reason: /no database \(E_DATABASE\)$/,
    },
    {
      what: 'exits with code 1',
      code: 'process.exit(1);',
      reason: /exited with code 1 \(ERR_WORKER_EXITED\); vhostd logs a --err shows what it printed$/,
    },
    {
      what: 'exits with code 0',
      code: 'process.exit(0);',
      reason: /exited with code 0 \(ERR_WORKER_EXITED\); vhostd logs a --err shows what it printed$/,
    },
    {
      what: 'has a syntax error',
      code: 'const = 1;',
      reason: /SyntaxError: Unexpected token '=' \(ERR_WORKER_FAILED\)$/,
    },
    {
      what: 'has a syntax error in a CommonJS module',
      file: 'server.cjs',
      code: '1;\nconst = 1;',
      reason: /server\.cjs:2: SyntaxError: Unexpected token '=' \(ERR_WORKER_FAILED\)$/,
    },
    {
      what: 'imports what is not there',
      code: `import './missing.mjs';`,
      reason: /missing\.mjs.* \(ERR_MODULE_NOT_FOUND\)$/,
    },
    {
      what: 'never gets ready',
      code: 'setInterval(() => {}, 1000);',
      conf: { bootTimeout: BOOT_LIMIT_MS },
      reason:
        /not ready within 2500 ms: its code has neither set worker\.server nor called listen\(\); .* \(ERR_WORKER_BOOT_TIMEOUT\)$/,
    },
    {
      what: 'rejects in started',
      code: `${WORKER} ${GOOD} worker.lifecycle({ started: () => Promise.reject(new Error('no cache')) });`,
      reason: /no cache \(ERR_WORKER_FAILED\)$/,
    },
    {
      what: 'dies right after it is ready',
      code: `${WORKER} ${GOOD} worker.lifecycle({ started: () => { setTimeout(() => process.exit(3), 20); } });`,
      reason: /exited with code 3 \(ERR_WORKER_EXITED\); vhostd logs a --err shows what it printed$/,
    },
    {
      what: 'is killed right after it is ready',
      code: `${WORKER} ${GOOD} worker.lifecycle({ started: () => { setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20); } });`,
      reason: /was ended by SIGKILL \(ERR_WORKER_EXITED\); vhostd logs a --err shows what it printed$/,
    },
    { what: 'is not there', reason: /server\.mjs cannot be run: ENOENT.* \(ERR_SITE_FILE\)$/ },
    {
      what: 'runs in a directory that is not there',
      code: GOOD,
      conf: { workerOptions: { cwd: 'missing' } },
      reason: /missing cannot be entered: ENOENT.* \(ERR_SITE_FILE\)$/,
    },
    {
      what: 'asks for the host of another site',
      code: listen('b.test', 0),
      reason:
        /host b\.test is on port 0 of 127\.0\.0\.1 of the conf of site b; workers of a cannot have it \(ERR_ROUTE_CONFLICT\)$/,
    },
    {
      what: 'asks for a port that is taken',
      code: listen('a.test', takenPort),
      reason: new RegExp(`${takenPort}.* \\(ERR_LISTEN_ADDRESS_IN_USE\\)$`),
    },
    {
      what: 'fails in its second worker',
      code: `${WORKER} ${onlyFirst}
if (second) throw new Error('no memory for a second');
await import(${JSON.stringify(pathToFileURL(siteFile('echo')).href)});`,
      reason: /no memory for a second \(ERR_WORKER_FAILED\)$/,
      servedFor: true,
    },
  ];
}

void it('a generation that fails is discarded, and the old one serves on', async (t) => {
  const seed = Random.seed();
  const site = { siteId: 'a', workerFile: 'server.mjs', cpuLen: 2, settleTime: '1s' };
  const neighbour = { siteId: 'b' };
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [site, neighbour],
    prepare: (dir) => write(dir, GOOD),
  });
  const port = await vhostd.port();
  const load = { port, host: 'a.test', seed };
  const fresh = new Load({ ...load, connections: 'fresh', clientCount: 3, pauseMaxMs: 60 });
  const kept = new Load({ ...load, connections: 'kept', clientCount: 6, pauseMaxMs: 100, ...MIXED });

  for (const fault of faults(await holdPort(t), join(vhostd.dir, 'seen-'))) {
    await t.test(fault.what, async () => {
      const { code, file = 'server.mjs', conf, reason } = fault;
      write(vhostd.dir, code, file);
      vhostd.configure([{ ...site, workerFile: file, ...conf }, neighbour]);
      const before = vhostd.logged('site.reload.failed').length;
      const told = await vhostd.run('reload', 'a');
      assert.deepEqual([told.code, told.stderr], [1, '']);
      assert.match(told.stdout.trimEnd(), /^a: failed: /);
      assert.match(told.stdout.trimEnd(), reason);
      const status = await vhostd.until('both old workers serve', ({ sites }) => {
        const workers = sites[0]?.workers ?? [];
        return workers.filter(({ generation, state }) => generation === 1 && state === 'ready').length === 2;
      });
      const { generation, state, reason: shown = '' } = status.sites[0] ?? {};
      assert.deepEqual([generation, state], [1, 'running']);
      assert.ok(shown.startsWith(SERVES_ON), `the status says ${JSON.stringify(shown)}`);
      const why = shown.slice(SERVES_ON.length);
      assert.ok(told.stdout.includes(why) && why !== '', `the status says ${JSON.stringify(shown)}`);
      const [line] = (await vhostd.logs('site.reload.failed', before + 1)).slice(-1);
      assert.deepEqual([line?.['siteId'], line?.['message']], ['a', why]);
      await kept.progress(12);
      kept.outcome.assertNothingLost();
      const allowed = [1, ...(fault.servedFor === true ? [line?.['generation']] : [])];
      assert.deepEqual(
        [...kept.outcome.generations].filter((answering) => !allowed.includes(answering)),
        [],
      );
    });
  }

  await t.test('then a good one goes in', async () => {
    write(vhostd.dir, GOOD);
    vhostd.configure([site, neighbour]);
    const told = await vhostd.run('reload', 'a');
    assert.equal(told.code, 0, told.stdout + told.stderr);
    assert.match(told.stdout, /^a: generation \d+\n$/);
    const { reason, generation } = await vhostd.site('a');
    assert.equal(reason, undefined);
    await vhostd.until('the old workers have left', ({ sites }) => sites[0]?.workers.length === 2);
    await kept.progress(20);
    assert.ok(kept.outcome.generations.has(generation));
  });
  for (const one of [fresh, kept]) {
    const outcome = await one.stop();
    t.diagnostic(`SEED=${seed}: ${String(outcome)}`);
    outcome.assertNothingLost();
  }
});

function write(dir: string, code: string | undefined, file = 'server.mjs'): void {
  if (code === undefined) rmSync(join(dir, file));
  else writeFileSync(join(dir, file), code);
}
