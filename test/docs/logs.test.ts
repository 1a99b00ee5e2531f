// docs/logs.md against the code: every line of the daemon, and the level of every line of the master.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { tables } from './markdown.js';
import { readDoc, ROOT, sourceFiles } from './sources.js';

const LOGS = readDoc('docs/logs.md');
const DAEMON = sourceFiles()
  .filter((file) => file.includes('/packages/daemon/'))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

void describe("the daemon's lines in docs/logs.md", () => {
  const described = (tables(LOGS).find(({ head }) => head[0] === 'Event')?.rows ?? []).map(
    ([event = '', level = '', , fields = '']) => ({ event: plain(event), level: plain(level), fields }),
  );

  void test('are those that the daemon writes, each with its level', () => {
    const inDocs = described.map(({ event, level }) => [event, level]);
    assert.deepEqual(Object.fromEntries(inDocs), Object.fromEntries(linesOfDaemon()));
    assert.equal(inDocs.length, new Set(described.map(({ event }) => event)).size);
  });

  void test('have every field that the line spells out', () => {
    for (const [, event = '', rest = ''] of DAEMON.matchAll(/og\.\w+\(\{ event: '([^']+)', (.+) \}\)/g)) {
      const fields = rest
        .replaceAll(/\.\.\..*$/g, '')
        .split(', ')
        .map((field) => /^\w+/.exec(field)?.[0]);
      const row = described.find((line) => line.event === event);
      for (const field of fields) {
        if (field !== undefined) assert.ok(row?.fields.includes(`\`${field}\``), `${field} of ${event}`);
      }
    }
  });
});

void test("docs/logs.md has every line of the master's log, by level", async () => {
  const { LINES } = (await import(`${ROOT}packages/master/dist/logs/master-log.js`)) as {
    LINES: Record<string, { level?: string } | undefined>;
  };
  const section = LOGS.slice(LOGS.indexOf("## The master's log"), LOGS.indexOf('## The logs of a site'));
  const told = [...section.matchAll(/^- (`\w+`(?: or `\w+`)?): (.+)$/gm)].flatMap(
    ([, level = '', names = '']) => names.split(', ').map((name) => [plain(name), plain(level)] as const),
  );
  const written = Object.entries(LINES).filter(([, line]) => line !== undefined);
  assert.deepEqual(told.map(([name]) => name).toSorted(), written.map(([name]) => name).toSorted());
  // Where the level depends on what happened, docs/events.md has both, or the only one that is logged.
  const events = new Map(
    tables(readDoc('docs/events.md')).flatMap(({ rows }) =>
      rows.map(([name = '', , , level = '']) => [plain(name), plain(level).split(', ').toSorted()] as const),
    ),
  );
  for (const [name, level] of told) {
    assert.deepEqual(
      level.split(' or ').toSorted(),
      LINES[name]?.level === undefined ? events.get(name) : [LINES[name].level],
      name,
    );
  }
});

/** Each event that the daemon's sources log, with its level. */
function linesOfDaemon(): Map<string, string> {
  const lines = new Map<string, string>();
  let count = 0;
  for (const [, level = '', event = ''] of DAEMON.matchAll(/og\.(info|warn|error)\(\{ event: '([^']+)'/g)) {
    lines.set(event, level);
    count++;
  }
  for (const [, event = ''] of DAEMON.matchAll(/tellPid\('([^']+)'\)/g)) lines.set(event, 'info');
  for (const [, event = ''] of DAEMON.matchAll(/emit\('trouble', '([^']+)'/g)) lines.set(event, 'warn');
  for (const [, what = '', done = ''] of DAEMON.matchAll(/logOutcome\([^']*'(\w+)', '([\w.]+)'/g)) {
    lines.set(done, 'info').set(`${what}.failed`, 'error');
  }
  // The five that have no name of their own: three ways of an outcome, the master's process and its trouble.
  const all = [...DAEMON.matchAll(/og\.(?:trace|debug|info|warn|error|fatal)\(/g)].length;
  assert.equal(all, count + 5, 'a line is written in a way that this test does not know');
  return lines;
}

/** Without the backquotes. */
function plain(cell: string): string {
  return cell.replaceAll('`', '');
}
