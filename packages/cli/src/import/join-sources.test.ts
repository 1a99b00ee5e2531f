import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ImportedApp, ImportedServer } from './draft.js';
import { joinSources } from './join-sources.js';

const nothing = (): undefined => undefined;

function app(siteId: string, ...ports: number[]): ImportedApp {
  return { source: 'e.js', site: { siteId, path: `/srv/${siteId}` }, ports, remarks: [] };
}

function server(host: string, ...ports: number[]): ImportedServer {
  return { source: 'n.conf', name: `server ${host}`, listen: [{ host, port: 80 }], ports, remarks: [] };
}

void it('a server gives its hosts to the app at its port; several servers may', () => {
  const { sites, left } = joinSources(
    [app('a', 1), app('b', 2, 3)],
    [server('x', 1), server('y', 3), server('z', 1)],
    nothing,
  );
  assert.deepEqual(
    sites.map(({ site }) => [site.siteId, site.listen]),
    [
      [
        'a',
        [
          { host: 'x', port: 80 },
          { host: 'z', port: 80 },
        ],
      ],
      ['b', [{ host: 'y', port: 80 }]],
    ],
  );
  assert.deepEqual(left, []);
});

void it('an app without a server listens on its own port; where that is not known it is said', () => {
  const { sites } = joinSources([app('a', 1), app('b')], [], nothing);
  assert.deepEqual(sites[0]?.site.listen, [{ port: 1 }]);
  assert.equal(sites[1]?.site.listen, undefined);
  assert.deepEqual(
    sites[1]?.remarks.map(({ field }) => field),
    ['port'],
  );
});

void it('an app of which only nginx knows is looked for where it runs, and a server without an app is left', () => {
  const { sites, left } = joinSources([], [server('x', 7), server('y', 8), server('old')], (port) =>
    port === 7 ? { cwd: '/srv/seven', file: '/srv/seven/app.js' } : undefined,
  );
  assert.deepEqual(
    sites.map(({ site }) => site),
    [
      {
        siteId: 'seven',
        path: '/srv/seven',
        workerFile: '/srv/seven/app.js',
        listen: [{ host: 'x', port: 80 }],
        appPort: 7,
      },
      { siteId: 'port-8', path: '/path/of/the/app', listen: [{ host: 'y', port: 80 }], appPort: 8 },
    ],
  );
  assert.ok(sites[1]?.remarks.some((remark) => 'todo' in remark));
  assert.deepEqual(
    left.map(({ name }) => name),
    ['server old'],
  );
});

void it('two apps of one name get two', () => {
  const { sites } = joinSources([app('a', 1), app('a', 2)], [], nothing);
  assert.deepEqual(
    sites.map(({ site }) => site.siteId),
    ['a', 'a-2'],
  );
});

void it('a program that is not of Node gets no connections: nginx stays in front of it', () => {
  const python = { ...app('p', 1), site: { siteId: 'p', interpreter: 'python3' } };
  const { sites } = joinSources([python], [server('x', 1)], nothing);
  assert.equal(sites[0]?.site.listen, undefined);
  assert.deepEqual(
    sites[0]?.remarks.map(({ field }) => field),
    ['listen'],
  );
});

void it('what leads to https is given to the site that serves the host so, and left where none does', () => {
  const secure: ImportedServer = {
    ...server('x', 1),
    listen: [{ type: 'ssl', host: 'x', port: 443, key: 'k', cert: 'c' }],
  };
  const clear: ImportedServer = {
    ...server('x'),
    listen: ['x', 'y'].map((host) => ({ host, port: 80 })),
    redirect: 'return 301',
  };
  const { sites, left } = joinSources([app('a', 1)], [clear, secure], nothing);
  assert.deepEqual(sites[0]?.site.listen, [...secure.listen, { host: 'x', port: 80, redirect: 'https' }]);
  assert.deepEqual(sites[0]?.servers[1]?.remarks, [{ field: 'return 301', taken: 'listen[].redirect' }]);
  assert.deepEqual(
    left.map(({ remarks }) => remarks),
    [
      [
        {
          field: 'return 301',
          todo: 'no site serves y by TLS: "redirect": "https" of a listen entry of the one that will',
        },
      ],
    ],
  );
});
