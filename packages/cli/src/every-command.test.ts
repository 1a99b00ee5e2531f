// Each command as a shell runs it, with --json: a new one has to be told here how it is run.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { appSaying, Workspace } from './cli.test.kit.js';
import type { Outcome } from './cli.test.kit.js';
import { COMMAND_NAMES } from './program.js';

let workspace: Workspace;
before(async () => {
  workspace = new Workspace();
  workspace.write('a/server.cjs', `console.log('a line'); ${appSaying('a')}`);
  workspace.write('b/index.js', appSaying('b'));
  workspace.write('ecosystem.json', '{ "apps": [{ "name": "c", "script": "./b/index.js" }] }');
  workspace.write('edge.json', '{}');
  workspace.conf([{ siteId: 'a', port: 0 }]);
  await workspace.daemon('--log-level', 'silent');
});
after(async () => {
  // Behind an upgrade it is nobody's child.
  await workspace.run('stop', '--now');
  await workspace.clear();
});

/** What is typed behind a command → keys of what it prints. In this order, to one daemon. */
const ANSWERS: Readonly<Record<string, readonly [args: string, keys: string]>> = {
  init: ['b', 'file notes'],
  check: ['', 'file ok findings'],
  import: ['ecosystem.json', 'conf sites left unread'],
  systemd: ['print', 'units'],
  trust: ['', 'certificate installed advice'],
  completion: ['sites', 'sites'],
  status: ['a', 'siteId state generation hosts workers logs conf ends'],
  cert: ['', 'certificates'],
  doctor: ['', 'runDir running ok findings'],
  env: ['a', 'siteId variables'],
  // What is printed from then on, logs shows.
  flush: ['', 'files'],
  reload: ['a', 'sites'],
  restart: ['a', 'siteId workers'],
  scale: ['a 2', 'siteId before workers lasts'],
  add: ['./b --host b.test --port 0', 'siteId added lasts hosts listening'],
  remove: ['b --now', 'siteId lasts'],
  pause: ['a', 'siteId timeoutMs maxCount'],
  resume: ['a', 'siteId wasPaused heldCount'],
  maintenance: ['a', 'siteId on silentCount'],
  signal: ['a CONT', 'siteId signal workers'],
  reopen: ['', ''],
  start: ['a', 'siteId lasts'],
};

/** The same of those that go on until Ctrl-C, of their first line. */
const STREAMS: Readonly<Record<string, readonly [args: string, keys: string]>> = {
  top: ['', 'time rows'],
  dashboard: ['--no-open', 'address'],
  logs: ['-f', 'siteId line time workerId stream'],
  events: ['', 'time event payload'],
};

/** Those that print for people, or ask for what is not here → their exit code, and what they say. */
const OTHERS: Readonly<Record<string, readonly [args: string, code: number, says: RegExp]>> = {
  run: ['./gone --json', 1, /ERR_SITE_FILE/],
  dev: ['./gone --json', 1, /ERR_SITE_FILE/],
  watch: ['--json gone.js', 1, /ERR_WATCH_PROGRAM/],
  fleet: ['status --json', 1, /ERR_FLEET_NONE/],
  edge: ['--config edge.json --json', 1, /ERR_FLEET_CONF/],
};

/** Last of all. */
const LAST: Readonly<Record<string, readonly [args: string, keys: string]>> = {
  upgrade: ['', 'pid version node failed'],
  stop: ['', 'stopped'],
};

void it('none is forgotten', () => {
  const known = [ANSWERS, STREAMS, OTHERS, LAST].flatMap((table) => Object.keys(table));
  assert.deepEqual(known.toSorted(), COMMAND_NAMES.toSorted());
});

const ASK_NO_DAEMON: ReadonlySet<string> = new Set(['init', 'import', 'systemd', 'watch', 'edge']);

answers(ANSWERS);

for (const [name, [args, keys]] of Object.entries(STREAMS)) {
  void it(`${name} --json`, async () => {
    const running = workspace.start(name, ...wordsOf(args), '--json');
    // What lasts as long as it likes is told by whole lines, but for the dashboard's one object.
    await running.says('}\n');
    running.process.kill('SIGINT');
    const { stdout } = await running.ended;
    const [line = ''] = stdout.startsWith('{\n') ? [stdout] : stdout.split('\n');
    assertKeys(line, keys);
  });
}

for (const [name, [args, code, says]] of Object.entries(OTHERS)) {
  void it(`${name} ${args}`, async () => {
    const outcome = await outcomeOf(name, ...wordsOf(args));
    assert.equal(outcome.code, code, JSON.stringify(outcome));
    assert.match(outcome.stdout + outcome.stderr, says);
  });
}

answers(LAST);

function answers(table: typeof ANSWERS): void {
  for (const [name, [args, keys]] of Object.entries(table)) {
    void it(`${name} --json`, async () => {
      const { code, stdout, stderr } = await outcomeOf(name, ...wordsOf(args), '--json');
      assert.equal(code, 0, stderr);
      assertKeys(stdout, keys);
    });
  }
}

function outcomeOf(...words: string[]): Promise<Outcome> {
  const asksNoDaemon = ASK_NO_DAEMON.has(words[0] ?? '');
  return asksNoDaemon ? workspace.runAnywhere(...words) : workspace.run(...words);
}

function assertKeys(json: string, keys: string): void {
  const told = JSON.parse(json) as object;
  for (const key of wordsOf(keys)) assert.ok(key in told, `${key} in ${json}`);
}

function wordsOf(text: string): string[] {
  return text.split(' ').filter(Boolean);
}
