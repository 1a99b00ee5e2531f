// Fills a small file system, whose directory is the first argument, with a log; makes room; checks the account.
import assert from 'node:assert/strict';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { LogFile } from './log-file.js';
import { until } from './until.test.kit.js';

const directory = process.argv[2] ?? '';
const file = path.join(directory, 'app.log');
const filler = path.join(directory, 'filler');
writeFileSync(filler, Buffer.alloc(40 * 1024));

const log = new LogFile(file, { maxQueueBytes: 8_000, retryMs: [5, 20] });
const taken: string[] = [];
let total = 0;
function writeLine(): void {
  const line = `${String(total++).padStart(6, '0')} ${'x'.repeat(90)}`;
  if (log.write(`${line}\n`)) taken.push(line);
}

// Not faster than the disk until it is full, so that nothing is lost for any other reason.
while (log.stats.fault === null) {
  if (log.stats.queuedBytes < 4_000) writeLine();
  await new Promise((resolve) => setImmediate(resolve));
}
assert.equal(log.stats.fault, 'ENOSPC');
assert.equal(log.stats.lostLines, 0);
while (log.stats.lostLines < 100) writeLine();
const { lostLines, lostBytes, queuedBytes } = log.stats;
assert.equal(total, taken.length + lostLines);
assert.equal(lostBytes, lostLines * 98);
assert.ok(queuedBytes > 0 && queuedBytes <= 8_000);

unlinkSync(filler);
await until(() => log.stats.queuedBytes === 0 && log.stats.fault === null);
writeLine();
await log.close();

const lines = readFileSync(file, 'utf8').split('\n');
assert.equal(lines.pop(), '');
const notices = lines.filter((line) => line.startsWith('vhostd:'));
assert.deepEqual(notices, [
  `vhostd: ${lostLines} lines (${lostBytes} bytes) were lost here, because this log could not be written`,
]);
assert.deepEqual(
  lines.filter((line) => !line.startsWith('vhostd:')),
  taken,
);
assert.equal(lines.at(-2)?.startsWith('vhostd:'), true, 'it stands where the lost lines would');
assert.equal(log.stats.writtenBytes, readFileSync(file).length);
