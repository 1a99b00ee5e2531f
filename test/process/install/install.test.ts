// vhostd as npm installs it: packed, in an empty folder, with sites elsewhere.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import { localLinks } from '../../docs/markdown.js';
import { Workbench } from '../../examples/workbench.js';
import { get } from '../../kit/ask-site.js';
import { packAll } from '../../kit/packed.js';

test('the packages, installed by npm in an empty folder', async (t) => {
  const bench = new Workbench(t, 'empty');
  const modules = installInto(bench);
  await t.test('run two sites, reload and stop', (sub) => runSites(sub, bench));
  await t.test('have types for CommonJS and for ES modules', () => compile(bench));
  await t.test('have license, documents, types, and no map of a source that is not there', () =>
    lookAt(modules),
  );
});

/** As who has installed it sees it, in CommonJS and in an ES module. */
function compile(bench: Workbench): void {
  const both = `export const id: string = worker.id;
    const hooks: LifecycleHooks = { started() {} };
    worker.lifecycle(hooks);
    // @ts-expect-error: of no type that takes everything
    worker.isNotThere;`;
  write(
    bench,
    'typed.cts',
    `import worker = require('@vhostd/worker');
    type LifecycleHooks = worker.LifecycleHooks;
    ${both}`,
  );
  write(bench, 'typed.mts', `import worker, { type LifecycleHooks } from '@vhostd/worker'; ${both}`);
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'node16'];
  const types = ['--types', 'node', '--typeRoots', join(WORKSPACE, 'node_modules/@types')];
  const { stdout } = spawnSync(
    join(WORKSPACE, 'node_modules/.bin/tsc'),
    [...flags, ...types, 'typed.cts', 'typed.mts'],
    { cwd: bench.dir, encoding: 'utf8' },
  );
  assert.equal(stdout, '');
}

const WORKSPACE = fileURLToPath(new URL('../../../../', import.meta.url));

async function runSites(t: TestContext, bench: Workbench): Promise<void> {
  const sites = new Workbench(t, 'empty');
  write(
    sites,
    'a/index.js',
    `const worker = require('@vhostd/worker');
     const server = require('node:http').createServer((_, response) => response.end('a of ' + worker.id));
     worker.server = server;`,
  );
  write(
    sites,
    'b/index.mjs',
    `import { createServer } from 'node:http';
     import worker from '@vhostd/worker';
     createServer((_, response) => response.end('b of ' + worker.id)).listen(3000);`,
  );
  const listen = (host: string): object[] => [{ host, port: 0, ipaddress: '127.0.0.1' }];
  write(
    sites,
    'vhostd.config.json',
    JSON.stringify({
      sites: [
        { path: 'a', cpuLen: 1, listen: listen('a.test') },
        { path: 'b', workerFile: 'index.mjs', cpuLen: 1, listen: listen('b.test') },
      ],
    }),
  );
  const command = join(bench.dir, 'node_modules/.bin/vhostd');
  const vhostd = async (...args: string[]): Promise<string> => {
    const program = bench.node([command, ...args], { cwd: sites.dir });
    assert.equal(await program.ended, 0, program.output);
    return program.output;
  };
  const daemon = bench.node([command, 'run'], { cwd: sites.dir });
  await daemon.prints(/^vhostd ready$/m);
  const { listeners } = JSON.parse(await vhostd('status', '--json')) as { listeners: { port: number }[] };
  const answers = async (host: string): Promise<string[]> => {
    const replies = await Promise.all(listeners.map(({ port }) => get(port, host)));
    return replies.filter(({ status }) => status === 200).map(({ body }) => body.toString());
  };
  assert.match((await answers('a.test')).join(), /^a of a\/\d+$/);
  assert.match((await answers('b.test')).join(), /^b of b\/\d+$/);
  assert.equal(await vhostd('reload'), 'a: generation 2\nb: generation 2\n');
  assert.match((await answers('b.test')).join(), /^b of b\/\d+$/);
  assert.match(await vhostd('stop'), /vhostd stopped/);
  assert.equal(await daemon.ended, 0, daemon.output);
}

function lookAt(modules: string): void {
  const own = ['vhostd', ...readdirSync(join(modules, '@vhostd')).map((name) => `@vhostd/${name}`)];
  assert.equal(own.length, 12);
  for (const name of own) {
    const files = filesOf(join(modules, name));
    for (const wanted of ['LICENSE', 'README.md', 'bundle/index.js', 'dist/index.d.ts']) {
      assert.ok(files.includes(wanted), `${name}: ${wanted}`);
    }
    const licences = files.includes('bundle/LICENSES.txt')
      ? readFileSync(join(modules, name, 'bundle/LICENSES.txt'), 'utf8')
      : '';
    assert.match(licences, BUNDLED_IN[name] ?? /^$/, `what is bundled in ${name}`);
    assert.deepEqual(
      files.filter(
        (file) => file.endsWith('.map') || file.includes('.test.') || file.includes('tsbuildinfo'),
      ),
      [],
    );
    for (const file of files.filter((each) => /\.(?:js|ts)$/.test(each))) {
      assert.ok(!readFileSync(join(modules, name, file), 'utf8').includes('sourceMappingURL'), file);
    }
  }
  for (const name of own) {
    const manifest = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')) as Manifest;
    const known = [manifest.name, ...Object.keys(manifest.dependencies ?? {})];
    const declarations = filesOf(join(modules, name)).filter((file) => file.endsWith('.d.ts'));
    const named = declarations.flatMap((file) =>
      packagesNamedIn(readFileSync(join(modules, name, file), 'utf8')),
    );
    const missing = [...new Set(named)].filter((other) => !known.includes(other));
    assert.deepEqual(missing, [], `the types of ${name} name what npm does not install with it`);
  }
  const documents = filesOf(join(modules, 'vhostd')).filter((file) => file.endsWith('.md'));
  assert.ok(documents.includes('docs/configuration.md') && documents.includes('CHANGELOG.md'));
  for (const document of documents) {
    for (const link of localLinks(readFileSync(join(modules, 'vhostd', document), 'utf8'))) {
      const [path = ''] = link.split('#');
      const target = path === '' ? document : posix.join(posix.dirname(document), path);
      assert.ok(existsSync(join(modules, 'vhostd', target)), `${document}: ${link}`);
    }
  }
}

/** Whose code is in the bundle, which their licence wants to be told. */
const BUNDLED_IN: Record<string, RegExp> = {
  '@vhostd/protocol': /^zod \d[^]*Copyright \(c\) 2025 Colin McDonnell/,
  '@vhostd/worker': /^eventemitter3 \d[^]*Copyright \(c\) 2014 Arnout Kazemier/,
};

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
}

/** Node's own modules have types that whoever writes TypeScript for Node has. */
function packagesNamedIn(declarations: string): string[] {
  const named = declarations.matchAll(/(?:\bfrom |\bimport\()['"](?<name>(?:@[^/'"]+\/)?[^./'"][^/'"]*)/gu);
  return [...named].map(({ groups }) => groups?.['name'] ?? '').filter((name) => !name.startsWith('node:'));
}

/** Installs all that there is without a registry; gives the folder of the packages. */
function installInto(bench: Workbench): string {
  const packed = join(bench.dir, 'packed');
  mkdirSync(packed);
  const tarballs = packAll(packed);
  write(bench, 'package.json', '{}');
  const flags = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags, ...tarballs], {
    cwd: bench.dir,
    env: { ...process.env, npm_config_cache: join(bench.dir, 'cache') },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(bench.dir, 'node_modules');
}

function write(bench: Workbench, name: string, content: string): void {
  const file = join(bench.dir, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
