import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSite } from '../conf/parse-conf.js';
import { shownVariables } from './shown-variables.js';

test('each variable is told with where it comes from, by name; what is withheld is not', () => {
  const env = { A: 1, S: { file: '/secret' } };
  const conf = parseSite(
    { path: '/srv/shop', envFile: '.env', appPort: 80, workerOptions: { env, inheritEnv: ['P*'] } },
    { baseDir: '/' },
  );
  const named = { E: 'file', A: '1', S: 'hunter2', PATH: '/own' };
  const present = { PATH: '/bin', PAGER: 'less', TOKEN: 'x', NODE_CHANNEL_FD: '3' };
  assert.deepEqual(
    shownVariables(conf, named, present).map(({ name, from, value }) => `${name} ${from} ${value}`),
    [
      'A env 1',
      'E envFile file',
      'NODE_APP_INSTANCE vhostd 0',
      'PAGER inherited less',
      'PATH envFile /own',
      'PORT vhostd 80',
      'PWD vhostd /srv/shop',
      'S env hunter2',
      'VHOSTD_SLOT vhostd 0',
    ],
  );
});
