// Where a library is found; what its calls do: native-calls, descriptors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadLibrary } from './native-library.js';

void test('one is found by a process that has just looked at a socket', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'vhostd-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const socket = path.join(dir, 'socket');
  const server = createServer().listen(socket);
  await once(server, 'listening');
  lstatSync(socket);
  const library = loadLibrary(64);
  server.close();
  assert.notEqual(library, undefined);
});
