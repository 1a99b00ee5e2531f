// The real machine does what the seam promises.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { realOs } from './os.js';

void test('a signal to a process that is no more, or to no single process, is gone', async () => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  const { pid = 0 } = child;
  assert.equal(realOs.kill(pid, 0), 'sent');
  await once(child, 'exit');
  assert.equal(realOs.kill(pid, 0), 'gone');
  for (const many of [0, -1, -process.pid, NaN]) assert.equal(realOs.kill(many, 0), 'gone');
});

void test('a file that is not there is undefined, one that cannot be read throws', () => {
  assert.equal(realOs.readFile('/nonexistent/file'), undefined);
  assert.equal(realOs.readFile(`${process.execPath}/file`), undefined);
  assert.throws(() => realOs.readFile('/'), { code: 'EISDIR' });
});

void test('the clock does not go back, and a cancelled timer does not run', async () => {
  const beforeMs = realOs.now();
  const cancelled = realOs.setTimer(() => assert.fail('it ran'), 1, { ref: true });
  cancelled.cancel();
  await new Promise<void>((resolve) => {
    realOs.setTimer(resolve, 5, { ref: true });
  });
  assert.ok(realOs.now() > beforeMs);
});

void test('only a timer with ref keeps the process alive', async () => {
  const script = `
    import { realOs } from ${JSON.stringify(new URL('./os.js', import.meta.url).href)};
    realOs.setTimer(() => process.exit(1), 30_000, { ref: false });
    realOs.setTimer(() => console.log('ref ran'), 20, { ref: true });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  const [code] = await once(child, 'close');
  assert.deepEqual([code, output], [0, 'ref ran\n']);
});
