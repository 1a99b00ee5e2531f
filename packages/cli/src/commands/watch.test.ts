// `vhostd watch` as a shell runs it: its arguments reach it as they are, and only it loads what watches.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Workspace } from '../cli.test.kit.js';

const COMMAND = fileURLToPath(new URL('../../bin/vhostd.js', import.meta.url));
const PROGRAM = `console.log(JSON.stringify(process.argv.slice(2))); setInterval(() => {}, 1000);`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void describe('vhostd watch', () => {
  void it('runs a program with its arguments, restarts it, and ends with its exit code', async () => {
    const file = workspace.write('server.js', `process.on('SIGINT', () => process.exit(9)); ${PROGRAM}`);
    const watch = workspace.start('watch', '-V', '--', 'server.js', '-V', '--', '--run-dir', 'x');
    await watch.says('["-V","--","--run-dir","x"]\n');
    await watch.says('watches 1 file', 'stderr');
    workspace.write(
      'server.js',
      `process.on('SIGINT', () => process.exit(8)); console.log('again'); ${PROGRAM}`,
    );
    await watch.says('again');
    await watch.says('watch: restarted in ', 'stderr');
    assert.ok(file.endsWith('server.js'));
    watch.process.kill('SIGINT');
    assert.equal((await watch.ended).code, 8);
  });

  void it('--json prints an object a line', async () => {
    workspace.write('server.js', `process.on('SIGINT', () => process.exit(9)); ${PROGRAM}`);
    const watch = workspace.start('watch', '--json', '--', 'server.js', '--run-dir', 'x');
    await watch.says('["--run-dir","x"]\n');
    await watch.says('watches 1 file', 'stderr');
    watch.process.kill('SIGINT');
    const { stderr } = await watch.ended;
    for (const line of stderr.trimEnd().split('\n')) {
      assert.deepEqual(Object.keys(JSON.parse(line) as object), ['time', 'level', 'message']);
    }
  });

  void it('refuses what it does not understand with exit code 2, and what is not there with 1', () => {
    const wrong: [string[], number, RegExp][] = [
      [[], 2, /^vhostd: there is no PROGRAM to run\n\(vhostd watch --help tells what there is\)\n$/],
      [['--wacth', 'lib', 'a.js'], 2, /^vhostd: unknown option '--wacth' \(did you mean --watch\?\)/],
      [
        ['absent.js'],
        1,
        /^vhostd: .*absent\.js: there is no such PROGRAM \(ERR_WATCH_PROGRAM\)\n  vhostd watch FILE /,
      ],
      [
        ['-x', 'no-such-thing', 'a'],
        1,
        /^vhostd: 'no-such-thing' is no program .*\(ERR_WATCH_EXECUTABLE\)\n$/,
      ],
    ];
    for (const [args, code, message] of wrong) {
      const { status, stdout, stderr } = vhostd('watch', ...args);
      assert.equal(status, code, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });

  void it('shows its own help in each way', () => {
    for (const args of [
      ['watch', '-h'],
      ['watch', '-?'],
      ['watch', '--help'],
      ['help', 'watch'],
    ]) {
      const { status, stdout } = vhostd(...args);
      assert.equal(status, 0);
      assert.match(
        stdout,
        /^Usage: vhostd watch \[options\] PROGRAM \[arguments\]\n[\s\S]*-RV, --restart-verbose/,
      );
    }
  });

  void it('loads the package that watches when it begins: no command does at its start', () => {
    const files = readdirSync(new URL('.', import.meta.url)).filter((file) => /^[a-z-]+\.js$/u.test(file));
    const watching = (file: string): string[] =>
      [...staticImports(new URL(file, import.meta.url).href)]
        .filter((loaded) => loaded.includes('/packages/watch/') || loaded.includes('/picomatch/'))
        .map((loaded) => loaded.slice(loaded.lastIndexOf('/')));
    assert.ok(files.includes('watch.js') && files.includes('dev.js'));
    // Its help is text, which completion needs as well.
    assert.deepEqual([...new Set(files.flatMap(watching))], ['/help.js']);
  });
});

/** What a module imports before it runs, and what that imports, of the packages of this workspace. */
function staticImports(url: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(url)) return found;
  found.add(url);
  const code = url.includes('/node_modules/') ? '' : readFileSync(fileURLToPath(url), 'utf8');
  for (const [, name = ''] of code.matchAll(
    /^(?:import|export) [^;]*?from '([^']+)';|^import '([^']+)';/gmu,
  )) {
    if (name.startsWith('.')) staticImports(new URL(name, url).href, found);
    else if (name.startsWith('@vhostd/')) {
      staticImports(pathToFileURL(createRequire(url).resolve(name)).href, found);
    } else found.add(name);
  }
  return found;
}

function vhostd(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [COMMAND, ...args], { cwd: workspace.directory, encoding: 'utf8' });
}
