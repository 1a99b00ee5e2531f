// nginx and HAProxy in front, which put requests for several sites on one kept connection.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { EchoAnswer } from '../../kit/echo.site.js';
import { startHaproxy, startNginx } from '../../kit/balancer.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';

const REQUEST_COUNT = process.env['VHOSTD_TEST_LONG'] === '1' ? 10_000 : 3400;
const CLIENT_COUNT = 16;
const NAMES = ['a', 'b', 'c', 'd', 'e'];

async function startSites(t: TestContext): Promise<LoneMaster> {
  return await startVhostd(t, {
    sites: NAMES.map((siteId) => ({
      siteId,
      hosts: [`${siteId}.test`],
      workerFile: siteFile('echo'),
      cpuLen: 1,
    })),
  });
}

/** Requests for all sites in turn through a balancer; what was wrong or failed. */
async function load(port: number): Promise<{ ok: number; failures: string[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENT_COUNT });
  const outcome = { ok: 0, failures: [] as string[] };
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENT_COUNT }, async () => {
      for (let at = next++; at < REQUEST_COUNT; at = next++) {
        const siteId = NAMES[(at * 7) % NAMES.length] ?? '';
        try {
          const seen = await ask(agent, port, `${siteId}.test`, `/${at}`);
          if (seen.siteId === siteId && seen.url === `/${at}` && seen.host === `${siteId}.test`)
            outcome.ok += 1;
          else
            outcome.failures.push(
              `${siteId}/${at} was answered by ${seen.siteId} for ${seen.host}${seen.url}`,
            );
        } catch (error) {
          outcome.failures.push(String(error));
        }
      }
    }),
  );
  agent.destroy();
  return outcome;
}

function ask(agent: Agent, port: number, host: string, path: string): Promise<EchoAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(body) as EchoAnswer);
        else reject(new Error(`status ${response.statusCode} for ${host}${path}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function expectAllRight(t: TestContext, vhostd: LoneMaster, port: number): Promise<void> {
  let busy = true;
  const reloads = (async () => {
    for (let count = 0; busy; count += 1) await vhostd.reload(NAMES[count % NAMES.length]);
  })();
  const { ok, failures } = await load(port);
  busy = false;
  await reloads;
  const { counts } = await vhostd.status();
  t.diagnostic(JSON.stringify({ ok, failed: failures.length, counts }));
  assert.deepEqual(failures.slice(0, 5), []);
  assert.equal(ok, REQUEST_COUNT);
  // A balancer that opened a connection for each request would prove nothing.
  assert.ok(counts.accepted < REQUEST_COUNT / 4, `${counts.accepted} connections`);
  assert.ok(counts.handedBack > REQUEST_COUNT / 10, `${counts.handedBack} came back`);
}

test('behind nginx with kept upstream connections each request is answered by its own site', async (t) => {
  const vhostd = await startSites(t);
  const upstream = await vhostd.port();
  const port = await startNginx(
    t,
    (own, dir) => `
      worker_processes 1;
      pid ${dir}/nginx.pid;
      events {}
      http {
        access_log off;
        client_body_temp_path ${dir}; proxy_temp_path ${dir}; fastcgi_temp_path ${dir};
        uwsgi_temp_path ${dir}; scgi_temp_path ${dir};
        upstream vhostd { server 127.0.0.1:${upstream}; keepalive 32; }
        server {
          listen 127.0.0.1:${own};
          location / {
            proxy_pass http://vhostd;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
          }
        }
      }`,
  );
  if (port !== undefined) await expectAllRight(t, vhostd, port);
});

for (const reuse of ['safe', 'always']) {
  test(`behind HAProxy with http-reuse ${reuse} each request is answered by its own site`, async (t) => {
    const vhostd = await startSites(t);
    const more = reuse === 'safe' ? {} : { defaults: `http-reuse ${reuse}` };
    const port = await startHaproxy(t, await vhostd.port(), more);
    if (port !== undefined) await expectAllRight(t, vhostd, port);
  });
}
