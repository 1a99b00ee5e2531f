// What those who come from PM2 type is answered, and each of its words stands in the document for them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { COMMAND_NAMES } from './program.js';
import { pm2Suggestion } from './pm2-words.js';

/** The commands of PM2 7 (lib/binaries/CLI.js). */
const COMMANDS =
  `attach autoinstall backward cleardump conf config create dashboard deepUpdate delete deploy desc describe dump
  ecosystem env examples flush forward get gracefulReload id imonit info init inspect install jlist kill l link list login
  logout logrotate logs ls module:generate monit monitor multiset open package pid ping plus prettylist profile:cpu
  profile:mem ps publish pull register reload reloadLogs report reset restart resurrect save scale send sendSignal serve set
  show slist start startOrGracefulReload startOrReload startOrRestart startup status stop trigger uninstall unlink unmonitor
  unset unstartup update updatePM2 web`.split(/\s+/u);

/** Its options that are no field of an ecosystem file. */
const OPTIONS =
  `--attach --basic-auth- --container --cron --daemon --deep-monitoring --disable-logs --disable-source-map-support
  --disable-trace --discrete --dist --docker --dockerdaemon --env --err --event-loop-inspector --ext --filter-env --force
  --format --fresh --ftp --gid --highlight --hp --image-name --info-node --install --install-all --json --lines --merge-logs
  --mini-list --monitor --name --namespace --no-automation --no-autostart --no-color --no-daemon --no-pmx --no-vizion
  --node-version --nostream --npm --only --out --parallel --port --raw --safe --service-name --shutdown-with-message --silent
  --sort --spa --tarball --timestamp --trace --tree --update-env --user --v1 --v8 --wait-ip --watch-delay --write`.split(
    /\s+/u,
  );

void it('each command and option of PM2 stands in docs/moving.md', () => {
  const text = readFileSync(new URL('../../../docs/moving.md', import.meta.url), 'utf8');
  const table = text.slice(
    text.indexOf('## Commands of PM2'),
    text.indexOf('## Fields of an ecosystem file'),
  );
  const words = new Set(
    [...table.matchAll(/`([^`]+)`/gu)].map(([, code = '']) => code.replace(/^pm2 /u, '').split(' ')[0]),
  );
  const says = (word: string): boolean =>
    words.has(word) ||
    [...words].some((shown) => shown?.endsWith('*') === true && word.startsWith(shown.slice(0, -1)));
  assert.deepEqual(
    [...COMMANDS, ...OPTIONS].filter((word) => !says(word)),
    [],
  );
});

void it('a word of PM2 that is a command here too is no suggestion', () => {
  assert.deepEqual(
    COMMAND_NAMES.filter((name) => pm2Suggestion(name) !== undefined),
    [],
  );
  assert.match(pm2Suggestion('monit') ?? '', /vhostd top$/u);
  assert.match(pm2Suggestion('delete', 'shop') ?? '', /is here: vhostd remove shop$/u);
  assert.match(pm2Suggestion('delete', '$(x)') ?? '', /is here: vhostd remove SITE$/u);
  assert.equal(
    pm2Suggestion('save'),
    "vhostd: there is no command 'save', and none is needed: what vhostd add and start have added is kept",
  );
  assert.equal(pm2Suggestion('toString'), undefined);
});
