// The access log of a site: each answer has a line, whoever gave it, also across a reload.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

test('each answer has a line: over kept connections, with bodies, of clients that went, after a reload and a rename', async (t) => {
  const file = fileFor(t);
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', cpuLen: 1, accessLog: file }],
  });
  const port = await vhostd.port();
  const lines = (): string[] => linesOf(file);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  atEnd(t, () => agent.destroy());
  for (const url of ['/one', '/two?x=%22']) {
    const request = http.get({
      port,
      agent,
      path: url,
      headers: { host: 'a.test', 'user-agent': 'kept "one"' },
    });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
  }
  await until('both lines', () => ({ done: lines().length >= 2, value: lines() }));
  const [first = '', second = ''] = lines();
  assert.match(
    first,
    /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/one HTTP\/1\.1" 200 [1-9]\d* "-" "kept \\x22one\\x22"$/,
  );
  assert.match(second, /"GET \/two\?x=%22 HTTP\/1\.1" 200 /);
  // One that goes before it has its answer.
  const socket = net.connect(port, '127.0.0.1', () =>
    socket.write('GET /?until=never HTTP/1.1\r\nHost: a.test\r\n\r\n'),
  );
  await vhostd.until('the request is at the site', (status) =>
    status.sites.some(({ workers }) => workers.some(({ connections }) => connections > 1)),
  );
  socket.destroy();
  await until('its line', () => ({ done: lines().some((line) => line.includes('" 499 ')), value: lines() }));
  renameSync(file, `${file}.1`);
  await vhostd.reloaded('a');
  await get(port, 'a.test');
  await until('the line of the new worker', () => ({ done: lines().length >= 1, value: lines() }));
  assert.equal(readFileSync(`${file}.1`, 'utf8').trimEnd().split('\n').length, 3);
});

test('as JSON, of HTTP/2', async (t) => {
  const file = fileFor(t);
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        cpuLen: 1,
        accessLog: file,
        accessLogFormat: 'json',
        workerOptions: { env: { HTTP2: '1' } },
      },
    ],
  });
  const port = await vhostd.port();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  atEnd(t, () => session.destroy());
  for (const path of ['/one', '/two?answer=1000']) {
    const stream = session.request({ ':path': path, ':authority': 'a.test' });
    stream.resume();
    await once(stream, 'close');
  }
  const lines = await until('both lines', () => ({ done: linesOf(file).length >= 2, value: linesOf(file) }));
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    told.map(({ method, url, version, host, status }) => [method, url, version, host, status]),
    ['/one', '/two?answer=1000'].map((url) => ['GET', url, '2.0', 'a.test', 200]),
  );
  assert.deepEqual([told[1]?.['bytes'], told[1]?.['address']], [1000, '127.0.0.1']);
});

function fileFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vhostd-access-'));
  atEnd(t, () => rmSync(directory, { recursive: true }));
  return join(directory, 'log/access.log');
}

function linesOf(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : '';
  return text === '' ? [] : text.split('\n');
}
