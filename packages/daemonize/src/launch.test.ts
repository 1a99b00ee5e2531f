import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { resolveOptions } from './daemon-options.js';
import type { DaemonOptions } from './daemon-options.js';
import { launchOf } from './launch.js';
import type { Launch } from './launch.js';

let directory: string;
let script: string;
before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-launch-'));
  script = path.join(directory, 'server.js');
  writeFileSync(script, '');
});
after(() => rmSync(directory, { recursive: true }));

void describe('launchOf', () => {
  void it('runs the script with this Node, by its absolute path, and what follows', () => {
    const { bin, args } = launch({ argv: ['--port', '80'] }, {}, path.relative(process.cwd(), script));
    assert.equal(bin, process.execPath);
    assert.deepEqual(args, [script, '--port', '80']);
  });

  void it('finds a script as Node does', () => {
    mkdirSync(path.join(directory, 'site'));
    writeFileSync(path.join(directory, 'site/index.js'), '');
    for (const name of ['server', 'site'])
      assert.equal(launch({}, {}, path.join(directory, name)).args.length, 1);
    for (const name of ['none', 'none.js', '-e'])
      assert.throws(() => launch({}, {}, name), { code: 'ERR_DAEMONIZE_SCRIPT' });
  });

  void it('leaves the script to another program as it is', () => {
    assert.deepEqual(launch({ bin: 'python3', argv: ['http.server'] }, {}, '-m').args, ['-m', 'http.server']);
  });

  void it('adds the debugger where one of two variables is 1', () => {
    const flag = (env: Record<string, string>, options: DaemonOptions = {}): string | undefined =>
      launch(options, env).args.find((argument) => argument.startsWith('--inspect'));
    assert.equal(flag({}), undefined);
    assert.equal(flag({ VHOSTD_DEBUG: '1' }), '--inspect=9229');
    assert.equal(flag({ XCRAFT_DEBUG: '1' }, { inspectPort: 9230 }), '--inspect=9230');
    assert.equal(flag({ VHOSTD_DEBUG: '1' }, { inspectPort: 0 }), '--inspect=0');
    assert.equal(flag({ VHOSTD_DEBUG: '0', XCRAFT_DEBUG: '1' }), undefined, 'the variable of vhostd decides');
    for (const off of ['', '0', 'true', '10']) assert.equal(flag({ VHOSTD_DEBUG: off }), undefined);
    assert.equal(flag({ VHOSTD_DEBUG: '1' }, { bin: 'sh' }), undefined, 'a shell has no debugger');
    assert.equal(flag({ VHOSTD_DEBUG: '1' }, { bin: '/opt/node22/bin/node' }), '--inspect=9229');
    assert.equal(flag({ VHOSTD_DEBUG: '1' }, { bin: 'electron', inspectPort: 9229 }), '--inspect=9229');
  });

  void it('passes this program’s variables, or the given ones alone', () => {
    assert.deepEqual(launch({}, { A: '1', B: undefined }).env, { A: '1' });
    assert.deepEqual(launch({ env: { C: true, D: null } }, { A: '1' }).env, { C: 'true' });
  });
});

function launch(options: DaemonOptions, env: Record<string, string | undefined>, name = script): Launch {
  return launchOf(name, resolveOptions(options), env);
}
