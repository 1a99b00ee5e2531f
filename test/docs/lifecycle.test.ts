// The pages of docs/lifecycle.md against the code: every cell of the state tables, and every default.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import {
  isChildState,
  NEXT,
  resolveBackoff,
  resolveShutdownLimits,
  SHUTDOWN_LADDER,
} from '@vhostd/supervisor';
import type { ChildEvent, ChildState } from '@vhostd/supervisor';
import { anchors, tables } from './markdown.js';
import { readDoc, ROOT } from './sources.js';

const LIFECYCLE = ['workers', 'sites', 'restart-policy', 'heartbeat', 'drain']
  .map((name) => readDoc(`docs/${name}.md`))
  .join('\n');
const CONFIGURATION = readDoc('docs/configuration.md');
const STATES = Object.keys(NEXT) as ChildState[];

void describe('the state table of docs/workers.md', () => {
  void test('describes every state', () => {
    const states = tableWith('State').rows.map(([state = '']) => plain(state));
    assert.deepEqual(states.toSorted(), STATES.toSorted());
  });

  void test('says in each cell what the code does', () => {
    const events = new Set<string>();
    const halves = tables(LIFECYCLE).filter(({ head }) => head[1] === '`idle`');
    assert.equal(halves.length, 2);
    for (const { head, rows } of halves) {
      assert.deepEqual(head.slice(1).map(plain).toSorted(), STATES.toSorted());
      for (const [event = '', ...cells] of rows) {
        events.add(plain(event));
        cells.forEach((cell, index) => {
          const state = plain(head[index + 1] ?? '') as ChildState;
          const step = NEXT[state][plain(event) as ChildEvent];
          const expected = step === 'illegal' ? '–' : isChildState(step) ? `\`${step}\`` : step;
          assert.equal(cell, expected, `${state} ${event}`);
        });
      }
    }
    assert.deepEqual([...events].toSorted(), Object.keys(NEXT.idle).toSorted());
  });

  void test('names the rungs of the ladder in their order', () => {
    const rungs = tableWith('Rung').rows.map(([rung = '']) => (rung === 'asked' ? 'ask' : rung));
    const order = ['ask'];
    for (let rung = SHUTDOWN_LADDER.ask.next; !order.includes(rung); rung = SHUTDOWN_LADDER[rung].next)
      order.push(rung);
    assert.deepEqual(rungs, order);
  });
});

void describe('the steps of a site in docs/sites.md', async () => {
  const { SITE_STATES } = (await import(`${ROOT}packages/master/dist/sites/site-state.js`)) as {
    SITE_STATES: Record<string, { status: string; next: Record<string, string> }>;
  };
  const states = Object.keys(SITE_STATES);

  void test('have each state, and what the status shows of it', () => {
    const rows = tableWith('State', 'Shown as').rows.map(([state = '', as = '']) => [
      plain(state),
      plain(as),
    ]);
    const expected = states.map((state) => [state, SITE_STATES[state]?.status]);
    assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(expected));
    const shown = tableWith('Site').rows.map(([state = '']) => plain(state));
    assert.deepEqual(new Set(shown), new Set(expected.map(([, status]) => status)));
    assert.deepEqual(new Set(shown), new Set(Object.keys(SHOWN_SITE_STATES)));
  });

  void test('say in each cell what the code does, and of each fact where it leads', () => {
    const told: Record<string, Record<string, string>> = {};
    const requests = tableWith('', '`start`', '`reload`');
    for (const [state = '', ...cells] of requests.rows) {
      for (const [index, cell] of cells.entries()) {
        const request = plain(requests.head[index + 1] ?? '');
        assert.equal(cell.startsWith('`'), states.includes(plain(cell)), cell);
        (told[request] ??= {})[plain(state)] = plain(cell);
      }
    }
    for (const [fact = '', , led = ''] of tableWith('Fact').rows) {
      const by = (told[plain(fact)] ??= Object.fromEntries(states.map((state) => [state, state])));
      for (const step of led === 'none' ? [] : plain(led).split('; ')) {
        const [from = '', to = ''] = step.split(' → ');
        for (const state of from.split(', ')) by[state] = to;
      }
    }
    for (const state of states) {
      const inDocs = Object.entries(told).map(([event, by]) => [event, by[state]]);
      assert.deepEqual(SITE_STATES[state]?.next, Object.fromEntries(inDocs), state);
    }
  });
});

void describe('the defaults of the pages about processes', async () => {
  const rows = tables(LIFECYCLE).flatMap((table) => (table.head[0] === 'What' ? table.rows : []));
  const workers = rows.map(([what = '', field = '', value = '']) => ({ what, field, value }));
  const masters = rows.map(([what = '', , , option = '', value = '']) => ({ what, option, value }));

  void test('of workers are those of docs/configuration.md, which a test holds against the schema', () => {
    const linked = workers.filter(({ field }) => field.startsWith('['));
    assert.equal(linked.length, 9);
    for (const { field, value } of linked) {
      const [, name = '', anchor = ''] = /^\[`([^`]+)`\]\(configuration\.md#(\w+)\)/.exec(field) ?? [];
      assert.ok(anchors(`### ${name}`).includes(anchor), field);
      const section = CONFIGURATION.slice(CONFIGURATION.indexOf(`### \`${name}\`\n`));
      assert.equal(value, /^- Default: (.+)$/m.exec(section)?.[1], name);
    }
  });

  void test('that nobody can change are those of the supervisor', () => {
    const { factor, resetAfterMs } = resolveBackoff();
    const { reapMs } = resolveShutdownLimits();
    const fixed = workers.filter(({ field }) => field.startsWith('fixed')).map(({ value }) => number(value));
    assert.deepEqual(fixed, [factor, resetAfterMs, reapMs]);
    const ofMaster = masters.filter(({ option }) => option.startsWith('fixed'));
    assert.deepEqual(
      ofMaster.map(({ value }) => number(value)),
      [reapMs],
    );
  });

  void test('of the master are those of the daemon, here and in docs/daemon-api.md', async () => {
    const { SUPERVISION_DEFAULTS: defaults } = (await import(
      `${ROOT}packages/daemon/dist/supervision-defaults.js`
    )) as { SUPERVISION_DEFAULTS: Record<string, number | Record<string, number>> };
    const named = masters.filter(({ option }) => option.startsWith('`'));
    const described = named.map(({ option, value }) => [plain(option), number(value)]);
    assert.deepEqual(Object.fromEntries(described), flat(defaults));

    const options = tables(readDoc('docs/daemon-api.md')).find(
      ({ rows: [first] }) => first?.[0] === '`restart`',
    );
    const inApi = options?.rows.map(([field = '', value = '']) => [plain(field), valueOf(value)]) ?? [];
    assert.deepEqual(Object.fromEntries(inApi), defaults);
  });
});

/** The table whose head begins so. */
function tableWith(...titles: string[]): { head: string[]; rows: string[][] } {
  const found = tables(LIFECYCLE).find(({ head }) => titles.every((title, index) => head[index] === title));
  assert.ok(found !== undefined, titles.join(' | '));
  return found;
}

/** Without the backquotes. */
function plain(cell: string): string {
  return cell.replaceAll('`', '');
}

function number(cell: string): number {
  return Number(plain(cell));
}

/** `{ intensity: 8 }` as `{ 'restart.intensity': 8 }` under the name of its field. */
function flat(
  defaults: Readonly<Record<string, number | Readonly<Record<string, number>>>>,
): Record<string, number> {
  const entries = Object.entries(defaults).flatMap(([name, value]): [string, number][] =>
    typeof value === 'number'
      ? [[name, value]]
      : Object.entries(value).map(([part, each]) => [`${name}.${part}`, each]),
  );
  return Object.fromEntries(entries);
}

/** A number with spaces, or an object as in JavaScript. */
function valueOf(cell: string): unknown {
  const text = plain(cell);
  if (!text.startsWith('{')) return Number(text.replaceAll(/\s/g, ''));
  return JSON.parse(text.replaceAll(/(\w+):/g, '"$1":'));
}
