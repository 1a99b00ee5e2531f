// Apps whose server has listeners for upgrades and tunnels, and none or others for requests.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { atEnd } from '../../kit/at-end.js';
import { WireClient } from '../../kit/wire-client.js';
import { HOST, startApp } from './app.js';

const WS = new URL(import.meta.resolve('ws')).pathname;

/** Of ws's README: several servers on one HTTP server, which has no request listener. */
const TWO_SERVERS = `const { createServer } = require('node:http');
  const { WebSocketServer } = require(${JSON.stringify(WS)});
  const server = createServer();
  const servers = { '/foo': new WebSocketServer({ noServer: true }), '/bar': new WebSocketServer({ noServer: true }) };
  for (const [path, wss] of Object.entries(servers)) wss.on('connection', (ws) => ws.send('from ' + path));
  server.on('upgrade', function upgrade(request, socket, head) {
    const wss = servers[new URL(request.url, 'wss://base.url').pathname];
    if (wss === undefined) return socket.destroy();
    wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
  });
  server.listen(8080);`;

/** Of Node's documents: a server for tunnels and upgrades. */
const TUNNEL = `const server = require('node:http').createServer((q, r) => r.end('app'));
  server.on('connect', (request, socket) => socket.end('HTTP/1.1 200 OK\\r\\n\\r\\nto ' + request.url));
  server.on('upgrade', (request, socket) => socket.end('HTTP/1.1 101 OK\\r\\nConnection: Upgrade\\r\\nUpgrade: x\\r\\n\\r\\nhello'));
  server.listen(8080);`;

/** The site is the default of its address. */
const DEFAULT = { listen: [{ port: 0, ipaddress: '127.0.0.1' }] };

void describe('an app', { concurrency: 2 }, () => {
  void it('with several WebSocket servers behind one HTTP server has both', async (t) => {
    const vhostd = await startApp(t, TWO_SERVERS);
    const port = await vhostd.port();
    for (const path of ['/foo', '/bar']) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host: HOST } });
      const [message] = (await once(socket, 'message')) as [Buffer];
      assert.equal(message.toString(), `from ${path}`);
      socket.close();
    }
    assert.equal((await vhostd.workers('a'))[0]?.alsoListens, undefined);
  });

  void it('that is the default site gets the CONNECT of Node, whose Host is the proxy', async (t) => {
    const port = await (await startApp(t, TUNNEL, DEFAULT)).port();
    const tunnel = request({ port, host: '127.0.0.1', method: 'CONNECT', path: 'example.com:443' }).end();
    const [response, socket, head] = (await once(tunnel, 'connect')) as [IncomingMessage, Socket, Buffer];
    let text = head.toString();
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
    assert.deepEqual([response.statusCode, text], [200, 'to example.com:443']);
  });

  void it('that is the default site gets an upgrade without Host', async (t) => {
    const client = await WireClient.open(await (await startApp(t, TUNNEL, DEFAULT)).port());
    atEnd(t, () => client.close());
    client.send('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    assert.equal((await client.head(true)).status, 101);
    assert.equal((await client.bytes(5)).toString(), 'hello');
  });
});
