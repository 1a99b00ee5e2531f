// A site whose code has removed `process.getBuiltinModule`: vhostd loads some of Node's own modules only behind it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { selfSigned } from '../../kit/certificate.js';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { HeldRequest } from '../../kit/held-request.js';
import { openSecure } from '../../kit/secure-client.js';
import { siteFile } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { HOST, startSite } from './site-under-reload.js';

const LISTEN = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) };

async function startStripped(t: TestContext, options: Partial<SiteOptions> = {}): Promise<LoneMaster> {
  return await startSite(t, { workerFile: siteFile('stripped', import.meta.url), cpuLen: 1, ...options });
}

async function inWork(vhostd: LoneMaster): Promise<void> {
  await vhostd.until('the request is in work', ({ counts }) => counts.handedOff === 1);
}

void describe('a site without process.getBuiltinModule', { concurrency: 2 }, () => {
  void it('answers what is in work when it is reloaded', async (t) => {
    const vhostd = await startStripped(t);
    const request = await HeldRequest.begin(await vhostd.port(), HOST);
    await inWork(vhostd);
    await vhostd.reloaded('a');
    assert.equal((await request.finish()).generation, 1);
    await vhostd.drained();
  });

  for (const TLS of ['', 'https']) {
    void it(`serves over TLS, ${TLS === '' ? 'which vhostd ends' : 'which it ends itself'}`, async (t) => {
      const vhostd = await startStripped(t, { listen: [LISTEN], workerOptions: { env: { TLS } } });
      for (const generation of [1, 2]) {
        const client = await openSecure(await vhostd.port('ssl'), HOST);
        const request = simpleExchange(HOST);
        client.send(request.bytes);
        assert.equal((await checkAnswer(client, request)).generation, generation);
        client.close();
        if (generation === 1) await vhostd.reloaded('a');
      }
      await vhostd.drained();
    });
  }

  void it('finishes the HTTP/2 streams that are in work', async (t) => {
    const vhostd = await startStripped(t, { workerOptions: { env: { HTTP2: '1' } } });
    const session = connect(`http://127.0.0.1:${await vhostd.port()}`);
    atEnd(t, () => session.destroy());
    const stream = session.request({ ':path': '/any?until=finished&answer=1000', ':authority': HOST });
    await inWork(vhostd);
    await vhostd.reloaded('a');
    vhostd.touch('finished');
    let length = 0;
    stream.on('data', (bytes: Buffer) => (length += bytes.length));
    await once(stream, 'end');
    assert.deepEqual([length, stream.rstCode], [1000, 0]);
    await vhostd.drained();
  });
});
