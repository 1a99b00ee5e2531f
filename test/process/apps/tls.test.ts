// Apps that end TLS themselves.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { selfSigned } from '../../kit/certificate.js';
import { HOST, startApp } from './app.js';

const identity = await selfSigned(HOST);

async function overHttp2(t: TestContext, vhostd: LoneMaster): Promise<string> {
  const session = connect(`https://${HOST}:${await vhostd.port('ssl')}`, {
    host: '127.0.0.1',
    servername: HOST,
    ca: identity.cert,
  });
  atEnd(t, () => session.destroy());
  const stream = session.request({ ':path': '/' }).setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  session.close();
  return text;
}

async function overHttp1(vhostd: LoneMaster): Promise<string> {
  const port = await vhostd.port('ssl');
  const outgoing = request({ port, host: '127.0.0.1', servername: HOST, ca: identity.cert, agent: false });
  outgoing.setHeader('Host', HOST).end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += String(chunk);
  return text;
}

const APP = `require('node:http2')
  .createSecureServer({ allowHTTP1: true, ...KEYS }, (q, r) => r.end('over ' + q.httpVersion))
  .listen(8443);`;
const listen = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1' };

void describe('an app that ends TLS itself', () => {
  void it('gets the keys of the conf where its code has none', async (t) => {
    const vhostd = await startApp(t, APP.replace('...KEYS', ''), { listen: [{ ...listen, ...identity }] });
    assert.equal(await overHttp2(t, vhostd), 'over 2.0');
    await vhostd.reloaded();
    assert.equal(await overHttp2(t, vhostd), 'over 2.0');
    assert.equal(await overHttp1(vhostd), 'over 1.1');
  });

  void it('keeps those of its code', async (t) => {
    const vhostd = await startApp(t, APP.replace('KEYS', JSON.stringify(identity)), { listen: [listen] });
    assert.equal(await overHttp2(t, vhostd), 'over 2.0');
    await vhostd.reloaded();
    assert.equal(await overHttp1(vhostd), 'over 1.1');
  });
});
