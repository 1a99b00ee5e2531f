// A child that answers over its link.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { VhostError } from '@vhostd/protocol';
import { portOf } from '../link/fixtures/forked-link.test.kit.js';
import { openParentLink } from '../link/parent-link.js';
import type { NativeHandle } from '../node/native-handle.js';
import { AnswerWithHandle, Peer } from './peer.js';
import type { NoQuestions, Questions } from './peer-pair.test.kit.js';

const link = openParentLink();
if (link === undefined) throw new Error('no link');
const peer = new Peer<NoQuestions, Questions>(link, {
  name: 'the parent',
  onViolation: () => process.exit(1),
});
peer.handle('add', (params) => {
  const { a, b } = params as Questions['add']['params'];
  return a + b;
});
peer.handle('take', (_, { handle }) => {
  const port = portOf(handle);
  handle?.close();
  return `port ${port}`;
});
peer.handle('anything', async (params) => {
  if (params === 'die') process.kill(process.pid, 'SIGKILL');
  if (params !== 'handle') throw new VhostError('ERR_WORKER_FAILED', 'thrown', { info: { params } });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const handle = Reflect.get(server, '_handle') as NativeHandle;
  return new AnswerWithHandle(portOf(handle), handle);
});
peer.start();
