import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteClaims } from '@vhostd/protocol';
import type { Worker } from '../workers/worker.js';
import { HostNotice } from './host-notice.js';

const BEFORE: SiteClaims = { '*|80': { isDefault: false, own: ['a.test'], others: [] } };
const CHANGE: SiteClaims[] = [BEFORE, {}];

/** A site whose only worker confirms each notice after so long, or is given up. */
class Scene {
  nowMs = 0;
  takesMs = 0;
  readonly limitsMs: number[] = [];
  readonly notice: HostNotice = new HostNotice(() => this.nowMs);
  readonly worker = {
    process: {
      peer: {
        request: (_method: string, _params: unknown, { timeoutMs }: { timeoutMs: number }): Promise<void> => {
          this.limitsMs.push(timeoutMs);
          this.nowMs += Math.min(timeoutMs, this.takesMs);
          return this.takesMs > timeoutMs ? Promise.reject(new Error('late')) : Promise.resolve();
        },
      },
    },
  } as unknown as Worker;

  async change(claims = CHANGE): Promise<number> {
    await this.notice.change(claims, [this.worker]);
    return this.limitsMs.at(-1) ?? 0;
  }
}

void test('a worker has half a second to confirm, again and again as long as it is quick', async () => {
  const scene = new Scene();
  scene.takesMs = 10;
  for (let count = 0; count < 100; count += 1) assert.equal(await scene.change(), 500);
});

void test('a site whose workers are late is waited for less and less, together as long as once', async () => {
  const scene = new Scene();
  scene.takesMs = 499;
  for (let count = 0; count < 100; count += 1) await scene.change();
  assert.ok(scene.nowMs < 500 + 100 * 25, `${scene.nowMs} ms`);
  scene.takesMs = 10;
  scene.nowMs += 60_000;
  assert.equal(await scene.change(), 500);
});

void test('what nobody waits for costs no patience', async () => {
  const scene = new Scene();
  scene.takesMs = 400;
  for (let count = 0; count < 10; count += 1) await scene.change([BEFORE]);
  assert.equal(await scene.change(), 500);
});
