import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NativeHandle } from '../node/native-handle.js';
import { encodeFrame, FRAME_HEADER_BYTES, FrameKind, FrameReader } from './frame.js';
import type { Frame } from './frame.js';
import { randomNumbers } from './fixtures/forked-link.test.kit.js';

/** A handle that counts how often it is closed. */
class FakeHandle {
  readonly name: string;
  closedCount = 0;
  constructor(name: string) {
    this.name = name;
  }
  close(): void {
    this.closedCount += 1;
  }
  get native(): NativeHandle {
    return this as unknown as NativeHandle;
  }
}

/** One write of a sender: the kernel delivers the handle with its first byte. */
interface Written {
  bytes: Buffer;
  handle?: FakeHandle;
  /** The receiver had no descriptor for the handle. */
  lost?: boolean;
}

interface Read {
  chunk: Buffer;
  handle: FakeHandle | undefined;
}

const MAX = 1 << 20;

function written(kind: FrameKind, payload: string, handle?: FakeHandle): Written {
  const bytes = Buffer.from(encodeFrame(kind, payload, handle !== undefined), 'latin1');
  return handle === undefined ? { bytes } : { bytes, handle };
}

/** Cuts what was written into reads as the kernel may: one descriptor a read at most, which ends with its write. */
function* readsOf(writes: Written[], sizeOf: () => number): Generator<Read> {
  let chunk: Buffer[] = [];
  let handle: FakeHandle | undefined;
  let size = sizeOf();
  const flush = (): Read => {
    const read = { chunk: Buffer.concat(chunk), handle };
    chunk = [];
    handle = undefined;
    size = sizeOf();
    return read;
  };
  for (const write of writes) {
    let offset = 0;
    while (offset < write.bytes.length) {
      if (offset === 0 && write.handle !== undefined && write.lost !== true) handle = write.handle;
      const gathered = chunk.reduce((sum, part) => sum + part.length, 0);
      const part = write.bytes.subarray(offset, offset + size - gathered);
      chunk.push(part);
      offset += part.length;
      const carried = write.handle !== undefined && offset === write.bytes.length;
      if (gathered + part.length === size || carried) yield flush();
    }
  }
  if (chunk.length > 0) yield flush();
}

function readAll(reads: Iterable<Read>, reader = new FrameReader(MAX)): Frame[] {
  const frames: Frame[] = [];
  for (const { chunk, handle } of reads) {
    const result = reader.push(chunk, handle?.native);
    assert.ok(typeof result !== 'string', 'refused');
    frames.push(...result);
  }
  return frames;
}

function seen(frames: Frame[]): unknown[] {
  return frames.map(({ kind, payload, handle, handleLost }) => [
    kind,
    payload.toString('latin1'),
    (handle as FakeHandle | undefined)?.name,
    handleLost,
  ]);
}

describe('FrameReader', () => {
  const example = (): Written[] => [
    written(FrameKind.message, 'plain'),
    written(FrameKind.connection, 'first ÿ\u0000', new FakeHandle('A')),
    written(FrameKind.accepted, ''),
    written(FrameKind.handBack, '', new FakeHandle('B')),
    written(FrameKind.connection, 'third', new FakeHandle('C')),
    written(FrameKind.lost, 'end'),
  ];
  const expected = [
    [FrameKind.message, 'plain', undefined, false],
    [FrameKind.connection, 'first ÿ\u0000', 'A', false],
    [FrameKind.accepted, '', undefined, false],
    [FrameKind.handBack, '', 'B', false],
    [FrameKind.connection, 'third', 'C', false],
    [FrameKind.lost, 'end', undefined, false],
  ];

  test('takes several frames in one read, the handle with the last one that begins in it', () => {
    const [plain, first, ...rest] = example() as [Written, Written, ...Written[]];
    const reads = [
      { chunk: Buffer.concat([plain.bytes, first.bytes]), handle: first.handle },
      ...readsOf(rest, () => 1000),
    ];
    assert.deepEqual(seen(readAll(reads)), expected);
  });

  test('takes the same frames whatever the size of the reads', () => {
    const total = example().reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (let size = 1; size <= total; size += 1) {
      assert.deepEqual(seen(readAll(readsOf(example(), () => size))), expected, `reads of ${size}`);
    }
  });

  test('takes the same frames wherever two cuts fall', () => {
    const total = example().reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (let first = 1; first < total; first += 1) {
      for (let second = 1; first + second < total; second += 1) {
        const sizes = [first, second];
        const frames = readAll(readsOf(example(), () => sizes.shift() ?? 1000));
        assert.deepEqual(seen(frames), expected, `cuts behind ${first} and ${second}`);
      }
    }
  });

  test('keeps the handle of a frame that is not whole yet, behind whole frames in the same read', () => {
    const handle = new FakeHandle('A');
    const before = written(FrameKind.message, 'before').bytes;
    const { bytes } = written(FrameKind.connection, 'a head', handle);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const reads = [
        { chunk: Buffer.concat([before, bytes.subarray(0, cut)]), handle },
        { chunk: bytes.subarray(cut), handle: undefined },
      ];
      assert.deepEqual(seen(readAll(reads)), [
        [FrameKind.message, 'before', undefined, false],
        [FrameKind.connection, 'a head', 'A', false],
      ]);
    }
  });

  test('says which frame lost its handle, and gives the next handle to its own frame', () => {
    const writes = example();
    const second = writes[1];
    assert.ok(second !== undefined);
    second.lost = true;
    const frames = seen(readAll(readsOf(writes, () => 1000)));
    assert.deepEqual(frames[1], [FrameKind.connection, 'first ÿ\u0000', undefined, true]);
    assert.deepEqual(frames.slice(2), expected.slice(2));
  });

  test('takes 10 000 random frames, cut at random, with handles and lost ones', () => {
    for (const seed of [1, 2, 3]) {
      const random = randomNumbers(seed);
      const kinds = Object.values(FrameKind);
      const writes = Array.from({ length: 10_000 }, (_, index): Written => {
        const kind = kinds[Math.floor(random() * kinds.length)] ?? FrameKind.message;
        const payload = String.fromCharCode(Math.floor(random() * 256)).repeat(
          Math.floor(random() ** 6 * 2000),
        );
        if (random() < 0.6) return written(kind, payload);
        return { ...written(kind, payload, new FakeHandle(String(index))), lost: random() < 0.1 };
      });
      const reads = readsOf(writes, () => Math.ceil(random() ** 3 * 5000));
      const frames = seen(readAll(reads));
      assert.deepEqual(
        frames,
        writes.map(({ bytes, handle, lost = false }) => [
          bytes[4],
          bytes.toString('latin1', FRAME_HEADER_BYTES),
          lost ? undefined : handle?.name,
          lost,
        ]),
        `seed ${seed}`,
      );
    }
  });

  test('is caught by these tests when a handle goes to the frame before or behind', () => {
    const reads = [...readsOf(example(), () => 1000)];
    const shifted = reads.map(({ chunk }, index) => ({ chunk, handle: reads[index - 1]?.handle }));
    assert.throws(() => assert.deepEqual(seen(readAll(shifted)), expected));
  });

  test('closes the handle of a frame that never became whole', () => {
    const handle = new FakeHandle('A');
    const reader = new FrameReader(MAX);
    const { bytes } = written(FrameKind.connection, 'half', handle);
    assert.deepEqual(reader.push(bytes.subarray(0, 8), handle.native), []);
    reader.close();
    reader.close();
    assert.equal(handle.closedCount, 1);
  });

  test('gathers a large frame that comes byte by byte in time proportional to its size', () => {
    const reader = new FrameReader(MAX);
    const { bytes } = written(FrameKind.message, 'x'.repeat(MAX));
    let frames: Frame[] = [];
    for (let offset = 0; offset < bytes.length; offset += 1) {
      const result = reader.push(bytes.subarray(offset, offset + 1), undefined);
      assert.ok(typeof result !== 'string');
      frames = frames.concat(result);
    }
    assert.equal(frames.length, 1);
    assert.equal(frames[0]?.payload.length, MAX);
  });

  test('takes nothing from an empty read', () => {
    const reader = new FrameReader(MAX);
    assert.deepEqual(reader.push(Buffer.alloc(0), undefined), []);
    const handle = new FakeHandle('A');
    const { bytes } = written(FrameKind.connection, 'whole', handle);
    const [frame] = reader.push(bytes, handle.native) as Frame[];
    assert.equal(frame?.handle, handle.native);
  });

  describe('refuses, and closes every handle once,', () => {
    const header = (length: number, kind: number, flags: number): Buffer =>
      Buffer.from([length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255, kind, flags]);
    const bad: [title: string, bytes: Buffer, reason: RegExp][] = [
      ['a frame above the limit', header(MAX + 1, FrameKind.message, 0), /^a frame of 1048577 bytes$/],
      ['a frame of 4 GiB', header(0xffff_ffff, FrameKind.message, 0), /^a frame of 4294967295 bytes$/],
      ['kind 0', header(0, 0, 0), /^a frame of unknown kind 0$/],
      ['a kind that is not known', header(0, 200, 0), /^a frame of unknown kind 200$/],
      ['flags that are not known', header(0, FrameKind.message, 2), /^a frame with unknown flags 2$/],
    ];
    for (const [title, bytes, reason] of bad) {
      test(title, () => {
        const early = new FakeHandle('early');
        const late = new FakeHandle('late');
        const reader = new FrameReader(MAX);
        const first = written(FrameKind.connection, 'a head', early).bytes;
        assert.deepEqual(reader.push(first.subarray(0, 3), early.native), []);
        const result = reader.push(Buffer.concat([first.subarray(3), bytes]), late.native);
        assert.match(typeof result === 'string' ? result : 'taken', reason);
        reader.close();
        assert.deepEqual([early.closedCount, late.closedCount], [1, 1]);
      });
    }

    test('a handle in the middle of a frame', () => {
      for (const rest of [3, 'all'] as const) {
        const handle = new FakeHandle('late');
        const reader = new FrameReader(MAX);
        const { bytes } = written(FrameKind.message, 'a message');
        assert.deepEqual(reader.push(bytes.subarray(0, 4), undefined), []);
        const chunk = rest === 'all' ? bytes.subarray(4) : bytes.subarray(4, 4 + rest);
        const result = reader.push(chunk, handle.native);
        assert.match(typeof result === 'string' ? result : 'taken', /middle of a frame/);
        assert.equal(handle.closedCount, 1);
      }
    });

    test('a handle with a frame that announces none, with all handles of that read', () => {
      const early = new FakeHandle('early');
      const late = new FakeHandle('late');
      const reader = new FrameReader(MAX);
      const first = written(FrameKind.connection, 'a head', early).bytes;
      assert.deepEqual(reader.push(first.subarray(0, 3), early.native), []);
      const second = written(FrameKind.message, 'plain').bytes;
      const result = reader.push(Buffer.concat([first.subarray(3), second]), late.native);
      assert.match(typeof result === 'string' ? result : 'taken', /announces none/);
      reader.close();
      assert.deepEqual([early.closedCount, late.closedCount], [1, 1]);
    });
  });

  test('keeps the whole frames from before a fault, with their handles', () => {
    const early = new FakeHandle('early');
    const reader = new FrameReader(MAX);
    const first = written(FrameKind.connection, 'a head', early).bytes;
    assert.deepEqual(reader.push(first.subarray(0, 3), early.native), []);
    const second = written(FrameKind.message, 'plain').bytes;
    const result = reader.push(Buffer.concat([first.subarray(3), second, Buffer.alloc(6, 0xff)]), undefined);
    assert.equal(typeof result, 'string');
    const before = reader.takeBefore();
    assert.deepEqual(
      before.map(({ payload, handle }) => [payload.toString(), handle === early.native]),
      [
        ['a head', true],
        ['plain', false],
      ],
    );
    reader.close();
    assert.equal(early.closedCount, 0);
  });
});
