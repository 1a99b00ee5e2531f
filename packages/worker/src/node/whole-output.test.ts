import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

for (const [how, end] of [
  ['process.exit', 'process.exit(1)'],
  ['an exception', 'throw new Error("over")'],
  ['SIGKILL', 'process.kill(process.pid, "SIGKILL")'],
] as const) {
  void test(`all that a process printed arrives, although ${how} ends it and its reader is late`, async () => {
    const module = new URL('./whole-output.js', import.meta.url).href;
    const code = `
      import { waitWhileFull } from ${JSON.stringify(module)};
      waitWhileFull(process.stdout);
      for (let i = 0; i < 2000; i++) console.log(String(i).padStart(200, '.'));
      ${end};`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // It has filled the pipe long before anybody reads on.
    await once(child.stdout, 'readable');
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(child, 'close');
    const lines = text.split('\n');
    assert.equal(lines.pop(), '');
    assert.deepEqual(
      lines.map((line) => Number(line.replaceAll('.', ''))),
      Array.from({ length: 2000 }, (_, index) => index),
    );
  });
}
