// docs/events.md against the code: every event, its payload, its level; and that each is emitted somewhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { tables } from './markdown.js';
import { readDoc, ROOT, sourceFiles } from './sources.js';

const SOURCE = readDoc('packages/master/src/events.ts');

/** The fields of the types that payloads are made of, besides those that they spell out. */
const FIELDS: Record<string, readonly string[]> = {
  WorkerFields: ['worker'],
  CertificateFields: ['certificate'],
  WorkerStats: ['stats'],
  Omit: [],
  OtherServer: ['protocol', 'where', 'shares'],
  IssuedCertificate: ['kind', 'host', 'issuer', 'notAfter', 'nextRenewal'],
  FailedCertificate: ['kind', 'host', 'code', 'message', 'nextAttempt'],
  DrainedParts: ['siteIds', 'hosts'],
  SiteFailure: ['siteId', 'error'],
  ListeningInfo: ['type_port_ip', 'type', 'address', 'port'],
  PauseResult: ['siteId', 'timeoutMs', 'maxCount'],
  ResumeResult: ['siteId', 'wasPaused', 'heldCount'],
  MaintenanceResult: ['siteId', 'on', 'page', 'silentCount'],
};

/** The payloads of `EventPayloads`, by name, as lists of their fields. */
function payloads(): Map<string, string[]> {
  const body = SOURCE.slice(SOURCE.indexOf('export interface EventPayloads {'));
  const found = body.matchAll(/^ {2}'([a-z.-]+)':([^]*?);\n(?=\n| {2}\/\*\*|\})/gm);
  return new Map(
    Array.from(found, ([, name = '', type = '']) => {
      const spelt = Array.from(type.matchAll(/readonly (\w+)\??:/g), ([, field = '']) => field);
      const outer = type.replaceAll(/\{[^}]*\}/g, '');
      const named = Array.from(outer.matchAll(/\b[A-Z]\w+/g), ([typeName]) => FIELDS[typeName] ?? [typeName]);
      return [name, [...named.flat(), ...spelt].toSorted()];
    }),
  );
}

function described(): { name: string; fields: string[]; level: string }[] {
  return tables(readDoc('docs/events.md')).flatMap(({ rows }) =>
    rows.map(([name = '', payload = '', , level = '']) => ({
      name: plain(name),
      fields: payload === '' ? [] : plain(payload).split(', ').toSorted(),
      level: plain(level),
    })),
  );
}

void describe('docs/events.md', async () => {
  const { LINES } = (await import(`${ROOT}packages/master/dist/logs/master-log.js`)) as {
    LINES: Record<string, { level?: string; levelOf?: unknown } | undefined>;
  };

  void test('describes every event, with its payload', () => {
    const inDocs = described().map(({ name, fields }) => [name, fields] as const);
    assert.deepEqual(Object.fromEntries(inDocs), Object.fromEntries(payloads()));
  });

  void test('shows the level of each line, and where there is none', () => {
    for (const { name, level } of described()) {
      const line = LINES[name];
      if (line === undefined) assert.equal(level, '', name);
      else if (line.level === undefined) assert.ok(level !== '', name);
      else assert.equal(level, line.level, name);
    }
  });

  void test('describes nothing that is not emitted', () => {
    const sources = sourceFiles()
      .filter((file) => file.includes('/packages/master/'))
      .map((file) => readFileSync(file, 'utf8'));
    const emitted = sources.flatMap((text) =>
      [...text.matchAll(/emit\(\s*'([a-z.-]+)'/g)].map(([, name]) => name),
    );
    for (const name of payloads().keys()) assert.ok(emitted.includes(name), name);
  });
});

/** Without the backquotes. */
function plain(cell: string): string {
  return cell.replaceAll('`', '');
}
