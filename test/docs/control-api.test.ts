// docs/control-api.md against the tables of routes: every route, the fields it takes and gives, the statuses.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tables } from './markdown.js';
import { readDoc, ROOT } from './sources.js';

interface Route {
  method: string;
  path: string;
  request: Schema;
  response: Schema;
}
interface Schema {
  shape?: Record<string, unknown>;
}

const DOC = readDoc('docs/control-api.md');

void describe('docs/control-api.md', () => {
  void test('lists every route, in the order of the tables, and no other', async () => {
    const [routes] = tables(DOC).map(({ rows }) => rows.map((cells) => cells.slice(0, 2)));
    const all = await allRoutes();
    assert.deepEqual(
      routes,
      all.map(({ method, path }) => [`\`${method}\``, `\`${path}\``]),
    );
    const headings = [...DOC.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(
      headings,
      all.map(({ method, path }) => `${method} ${path}`),
    );
  });

  void test('names every field that a route takes or gives', async () => {
    const all = await allRoutes();
    for (const { method, path, request, response } of all) {
      const section = DOC.split(`### ${method} ${path}\n`)[1]?.split(/^##/m)[0] ?? '';
      for (const field of [...Object.keys(request.shape ?? {}), ...Object.keys(response.shape ?? {})]) {
        assert.ok(section.includes(`\`${field}\``), `${field} of ${method} ${path}`);
      }
    }
  });

  void test('says which status each code has', async () => {
    const { httpStatusOf } = (await import(`${ROOT}packages/daemon/dist/control/http-status.js`)) as {
      httpStatusOf: (code: string) => number;
    };
    const told = [...DOC.matchAll(/\b(\d{3}) ((?:`ERR_\w+`(?:, )?)+)/g)].flatMap(([, status, codes = '']) =>
      [...codes.matchAll(/ERR_\w+/g)].map(([code]) => [code, Number(status)] as const),
    );
    const rows = tables(DOC)[1]?.rows.map(
      ([status, code = '']) => [code.slice(1, -1), Number(status)] as const,
    );
    assert.ok(told.length > 8 && rows !== undefined);
    for (const [code, status] of [...told, ...rows]) assert.equal(httpStatusOf(code), status, code);
  });
});

/** Those of the daemon, and those of the master that are not the daemon's as well. */
async function allRoutes(): Promise<Route[]> {
  const tablesOfRoutes = await Promise.all(
    ['daemon', 'master'].map(async (name) => {
      const module = (await import(`${ROOT}packages/${name}/dist/control/routes.js`)) as { routes: Route[] };
      return module.routes;
    }),
  );
  const seen = new Set<string>();
  return tablesOfRoutes.flat().filter(({ method, path }) => {
    const fresh = !seen.has(`${method} ${path}`);
    seen.add(`${method} ${path}`);
    return fresh;
  });
}
