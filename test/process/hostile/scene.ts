// A hostile site beside a good one that is under load, and what the master's process holds.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from '../../kit/ask-site.js';
import { descriptorCount, residentBytes } from '../../kit/processes.js';
import { Rig, siteFile } from '../../kit/rig.js';
import { SteadyLoad } from '../../kit/steady-load.js';

/** How the hostile site is started. */
export interface SceneOptions {
  workerFile: URL;
  cpuLen?: number;
  restart?: Record<string, unknown>;
}

export class Scene {
  readonly rig: Rig;
  readonly port: number;
  readonly good: SteadyLoad;
  readonly #goodPid: number;
  #descriptors = 0;

  private constructor(rig: Rig, port: number, goodPid: number) {
    this.rig = rig;
    this.port = port;
    this.#goodPid = goodPid;
    this.good = new SteadyLoad(port, 'b.test');
  }

  static async set(t: TestContext, { workerFile, cpuLen = 1, restart = {} }: SceneOptions): Promise<Scene> {
    const rig = await Rig.start(t, {
      conf: { handoff: 'pipe' },
      setup: new URL('./hostile.commands.js', import.meta.url),
      sites: [
        {
          siteId: 'a',
          hosts: ['a.test'],
          workerFile: workerFile.pathname,
          cpuLen,
          restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '50ms', ...restart },
          allow: { ports: [0] },
        },
        { siteId: 'b', hosts: ['b.test'], workerFile: siteFile('echo'), cpuLen: 1 },
      ],
    });
    const [good] = await rig.workers('b');
    const scene = new Scene(rig, await rig.port(), good?.pid ?? 0);
    t.after(() => scene.good.stop());
    scene.#descriptors = descriptorCount(rig.pid);
    await rig.ask('longestGapMs');
    return scene;
  }

  /** The hostile site's process. */
  async pid(): Promise<number> {
    return (await this.rig.workers('a'))[0]?.pid ?? 0;
  }

  /** Tells the hostile site what to do, and waits for its answer, which comes before the deed. */
  async attack(path: string): Promise<void> {
    await get(this.port, 'a.test', `/${encodeURIComponent(path)}`, { limitMs: 60_000 }).catch(
      () => undefined,
    );
  }

  /** Waits until another process than `before` is the site's. */
  async replaced(before: number, what: string): Promise<void> {
    await this.rig.until(`${what}: the offender is replaced`, ({ sites: [a] }) => {
      const worker = a?.workers[0];
      return worker?.state === 'ready' && worker.pid !== before;
    });
  }

  /** The master lives, holds what it held, and the other site has noticed nothing. */
  async unharmed(t: TestContext, limits: { gapMs?: number } = {}): Promise<void> {
    await this.good.stop();
    const { rig, good } = this;
    const gapMs = Number(await rig.ask('longestGapMs'));
    t.diagnostic(
      `${good.count} good requests, the slowest took ${Math.round(good.slowestMs)} ms; ` +
        `the longest gap of the master ${Math.round(gapMs)} ms`,
    );
    assert.equal((await rig.status()).pid, rig.pid);
    assert.deepEqual(good.failures, []);
    assert.equal((await rig.workers('b'))[0]?.pid, this.#goodPid);
    await rig.until('descriptors are what they were', () => {
      return descriptorCount(rig.pid) <= this.#descriptors + DESCRIPTORS_MORE;
    });
    if (limits.gapMs !== undefined) assert.ok(gapMs < limits.gapMs, `a gap of ${gapMs} ms`);
  }

  /** Resolves once the other site has answered so many requests more. */
  async goOn(count: number): Promise<void> {
    const wanted = this.good.count + count;
    while (this.good.count < wanted) await delay(10);
  }

  get residentMb(): number {
    return residentBytes(this.rig.pid) >> 20;
  }
}

/** What FIFOs that are made ahead of need, and connections of the load, may take. */
const DESCRIPTORS_MORE = 30;
