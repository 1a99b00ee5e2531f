import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

const module = JSON.stringify(new URL('logger.js', import.meta.url).href);
let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-logger-'));
  file = path.join(directory, 'logs', 'master.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('createLogger', () => {
  void it('writes JSON lines with name and pid to standard error, none below its level', async () => {
    const { code, stderr, pid } = await run(`
      const log = createLogger({ level: 'info', name: 'master' });
      log.debug({ event: 'unseen' });
      log.info({ event: 'listening', port: 80 });
      log.child({ siteId: 'shop' }).warn({ event: 'worker.violation' });`);
    assert.equal(code, 0);
    const [first, second, ...rest] = parse(stderr);
    assert.deepEqual(rest, []);
    assert.deepEqual(
      { ...first, time: '' },
      { level: 30, time: '', pid, name: 'master', event: 'listening', port: 80 },
    );
    assert.match(String(first?.['time']), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/u);
    assert.equal(second?.['siteId'], 'shop');
    assert.equal(second?.['name'], 'master');
  });

  void it('writes its last lines although the process exits at once', async () => {
    const lines = `for (let line = 0; line < 500; line++) log.info({ line }); process.exit(3);`;
    const toFile = await run(
      `const log = createLogger({ level: 'info', name: 'm', file: ${JSON.stringify(file)} }); ${lines}`,
    );
    const toError = await run(`const log = createLogger({ level: 'info', name: 'm' }); ${lines}`);
    for (const [{ code }, text] of [
      [toFile, readFileSync(file, 'utf8')],
      [toError, toError.stderr],
    ] as const) {
      assert.equal(code, 3);
      assert.deepEqual(
        parse(text)
          .map(({ line }) => Number(line))
          .toSorted((a, b) => a - b),
        Array.from({ length: 500 }, (_, line) => line),
      );
    }
  });

  void it('does not crash on a full disk, be it the file or standard error', async () => {
    const lines = `
      for (let line = 0; line < 20000; line++) log.info({ line, text: 'x'.repeat(200) });
      log.fatal({ event: 'fatal' });
      setTimeout(() => { log.info({ event: 'later' }); process.exitCode = 4; }, 50);`;
    const toFile = await run(
      `const log = createLogger({ level: 'info', name: 'm', file: '/dev/full' }); ${lines}`,
    );
    assert.equal(toFile.code, 4, toFile.stderr);
    const full = openSync('/dev/full', 'w');
    const toError = await run(`const log = createLogger({ level: 'info', name: 'm' }); ${lines}`, full);
    closeSync(full);
    assert.equal(toError.code, 4);
  });

  void it('does not crash when the reader of standard error is gone', async () => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { createLogger } from ${module};
        const log = createLogger({ level: 'info', name: 'm' });
        process.stdin.once('data', () => {
          log.info({ event: 'to nobody' });
          setTimeout(() => { log.info({ event: 'to nobody again' }); process.exit(5); }, 50);
        });
        log.info({ event: 'up' });`,
      ],
      { stdio: ['pipe', 'inherit', 'pipe'] },
    );
    await once(child.stderr, 'data');
    child.stderr.destroy();
    await once(child.stderr, 'close');
    child.stdin.end('go on');
    assert.deepEqual(await once(child, 'exit'), [5, null]);
  });

  void it('tells in its own format what a file lost', async () => {
    const { code, stderr } = await run(`
      const { spawnSync, spawn } = await import('node:child_process');
      const { once } = await import('node:events');
      const { LogFiles } = await import(new URL('log-files.js', ${module}).href);
      const pipe = ${JSON.stringify(path.join(directory, 'pipe'))};
      spawnSync('mkfifo', [pipe]);
      const log = createLogger({ level: 'info', name: 'm', file: pipe });
      for (let line = 0; line < 10000; line++) log.info({ text: 'x'.repeat(200) });
      const { lostLines } = LogFiles.shared.stats()[0];
      const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      for await (const chunk of reader.stdout) {
        text += chunk;
        if (text.includes('log.lost') && text.endsWith('\\n')) break;
      }
      const notice = text.split('\\n').filter((line) => line.includes('log.lost')).map((line) => JSON.parse(line));
      if (notice.length !== 1 || notice[0].lines !== lostLines || lostLines === 0 || notice[0].name !== 'm') throw new Error(JSON.stringify(notice));
      process.exit(6);`);
    assert.equal(code, 6, stderr);
  });
});

async function run(
  script: string,
  stderrTo: number | 'pipe' = 'pipe',
): Promise<{ code: unknown; stderr: string; pid: number | undefined }> {
  const source = `import { createLogger } from ${module};\n${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'inherit', stderrTo],
  });
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  const [code]: unknown[] = await once(child, 'close');
  return { code, stderr, pid: child.pid };
}

function parse(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const value: unknown = JSON.parse(line);
      assert.ok(typeof value === 'object' && value !== null);
      return { ...value };
    });
}
