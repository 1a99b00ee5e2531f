import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { Deferred, ReadingShare } from '@vhostd/transport';
import { OutputReader } from './output-reader.js';
import { until } from './until.test.kit.js';

const MAX_LINE_BYTES = 65_536;

/** Takes lines as a log does, which is full after each part while `full` says so. */
class Log {
  readonly parts: string[] = [];
  full = false;
  /** What is written of each byte, with all that is put before it. */
  perByte = 1;
  #waiting: Deferred<void>[] = [];

  take(lines: Buffer): number {
    this.parts.push(lines.toString());
    return lines.length * this.perByte;
  }

  rooms(): Promise<void>[] {
    if (!this.full) return [];
    const room = new Deferred<void>();
    this.#waiting.push(room);
    return [room.promise];
  }

  makeRoom(): void {
    for (const room of this.#waiting.splice(0)) room.resolve();
  }

  get text(): string {
    return this.parts.join('');
  }
}

function setScene(share?: ReadingShare): { stream: Readable; reader: OutputReader; log: Log } {
  const [stream, log] = [new Readable({ read: () => undefined, highWaterMark: 0 }), new Log()];
  return { stream, log, reader: new OutputReader(stream, log, MAX_LINE_BYTES, share) };
}

void describe('OutputReader', () => {
  void it('takes what was read at once in parts of few lines, and loses none', async () => {
    const { stream, log } = setScene();
    stream.push(Buffer.alloc(65_536, '\n'));
    await until(() => log.text.length === 65_536);
    assert.equal(log.text, '\n'.repeat(65_536));
    const longest = Math.max(...log.parts.map((part) => part.length));
    assert.ok(longest <= 400, `${longest} lines at once`);
  });

  void it('goes on where it was when there is room again, and reads nothing until then', async () => {
    const { stream, log } = setScene();
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`).join('');
    log.full = true;
    // The memory of a read is used for the next one.
    const memory = Buffer.from(`${lines}unfinished`);
    stream.push(memory);
    await once(stream, 'pause');
    memory.fill('x');
    assert.notEqual(log.text, lines);
    stream.push(' no more\n');
    log.full = false;
    log.makeRoom();
    await until(() => log.text.endsWith('more\n'));
    assert.equal(log.text, `${lines}unfinished no more\n`);
  });

  void it('takes all that is left when the stream has ended before there was room', async () => {
    const { stream, log, reader } = setScene();
    log.full = true;
    stream.push('one\n'.repeat(1000) + 'and');
    await once(stream, 'pause');
    reader.end();
    assert.equal(log.text, `${'one\n'.repeat(1000)}and\n`);
    log.makeRoom();
    await once(stream, 'resume');
    assert.equal(log.text, `${'one\n'.repeat(1000)}and\n`);
  });

  void it('charges its site for what other threads write of it', async () => {
    const share = new ReadingShare({ burstMs: 1, excess: new Map() });
    const charged: number[] = [];
    const { charge } = share;
    share.charge = (workMs, nowMs, more) => {
      charged.push(workMs);
      return charge.call(share, 0, nowMs, more);
    };
    const { stream, log } = setScene(share);
    log.perByte = 1000;
    stream.push('x'.repeat(9_999) + '\n');
    await until(() => log.text.length === 10_000);
    const sumMs = charged.reduce((sum, ms) => sum + ms, 0);
    assert.ok(sumMs >= 10, `${sumMs} ms for ten million bytes`);
  });
});
