import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import { workerVariables } from './worker-environment.js';

const PRESENT = {
  PATH: '/bin',
  LC_ALL: 'C',
  HOME: '/root',
  TOKEN: 'secret',
  VHOSTD_MASTER: '1',
  NODE_CHANNEL_FD: '3',
};

/** What a worker finds: what node:cluster makes of the variables of the master. */
function found(fields: object): Record<string, string> {
  const conf = parseSite({ siteId: 'shop', path: '/srv/shop', ...fields }, { baseDir: '/' });
  const own = workerVariables(
    conf,
    { cwd: '/srv/shop', slot: 2, named: conf.workerOptions.env, link: { LINK: 'pipe' } },
    PRESENT,
  );
  return Object.fromEntries(
    Object.entries({ ...PRESENT, ...own }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
}

const OWN = { PWD: '/srv/shop', VHOSTD_SLOT: '2', NODE_APP_INSTANCE: '2', LINK: 'pipe' };

test('a site without a user of its own gets all but what speaks of the daemon', () => {
  assert.deepEqual(found({}), { PATH: '/bin', LC_ALL: 'C', HOME: '/root', TOKEN: 'secret', ...OWN });
});

test('a site with one gets nothing secret, and no home but its own', () => {
  assert.deepEqual(found({ user: 2_000_111_222 }), { PATH: '/bin', LC_ALL: 'C', HOME: '/', ...OWN });
});

test('the conf says what passes, and has the last word on each', () => {
  const workerOptions = { inheritEnv: ['TOK*', 'VHOSTD_*'], env: { HOME: '/srv', A: 1, LINK: 'forged' } };
  assert.deepEqual(found({ user: 2_000_111_222, workerOptions, appPort: 80 }), {
    TOKEN: 'secret',
    HOME: '/srv',
    A: '1',
    PORT: '80',
    ...OWN,
  });
  assert.deepEqual(found({ workerOptions: { inheritEnv: [] } }), OWN);
});
