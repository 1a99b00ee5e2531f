// A hostile site beside a good one that is under load, and what the master's process holds.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { Load } from '../../kit/load.js';
import { descriptorCount, descriptorKinds, residentBytes } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

/** How the hostile site is started. */
export interface SceneOptions {
  workerFile: string;
  cpuLen?: number;
  restart?: Record<string, unknown>;
  /** More of its conf. */
  site?: Partial<SiteOptions>;
}

export class Scene {
  readonly vhostd: LoneMaster;
  readonly port: number;
  readonly good: Load;
  readonly #goodPid: number;
  readonly #descriptors: number;

  private constructor(vhostd: LoneMaster, port: number, goodPid: number) {
    this.vhostd = vhostd;
    this.port = port;
    this.#goodPid = goodPid;
    this.#descriptors = descriptorCount(vhostd.pid);
    this.good = new Load({ port, host: 'b.test', connections: 'fresh', pauseMaxMs: 20 });
  }

  static async set(
    t: TestContext,
    { workerFile, cpuLen = 1, restart = {}, site = {} }: SceneOptions,
  ): Promise<Scene> {
    const vhostd = await startVhostd(t, {
      conf: { handoff: 'pipe' },
      commands: new URL('./hostile.commands.js', import.meta.url),
      sites: [
        {
          siteId: 'a',
          workerFile,
          cpuLen,
          restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '50ms', ...restart },
          allow: { ports: [0] },
          ...site,
        },
        { siteId: 'b' },
      ],
    });
    // What is counted next must be there.
    await vhostd.ready('a', cpuLen);
    const [good] = await vhostd.workers('b');
    const scene = new Scene(vhostd, await vhostd.port(), good?.pid ?? 0);
    atEnd(t, () => scene.good.stop());
    await vhostd.ask('longestGapMs');
    return scene;
  }

  /** The hostile site's process. */
  async pid(): Promise<number> {
    return (await this.vhostd.workers('a'))[0]?.pid ?? 0;
  }

  /** Tells the hostile site what to do, and waits for its answer, which comes before the deed. */
  async attack(path: string): Promise<void> {
    await get(this.port, 'a.test', `/${encodeURIComponent(path)}`, { limitMs: 60_000 }).catch(
      () => undefined,
    );
  }

  /** Waits until another process than `before` is the site's. */
  async replaced(before: number, what: string): Promise<void> {
    await this.vhostd.until(`${what}: the offender is replaced`, ({ sites: [a] }) => {
      const worker = a?.workers[0];
      return worker?.state === 'ready' && worker.pid !== before;
    });
  }

  /** The master lives, holds what it held, and the other site has noticed nothing. */
  async unharmed(t: TestContext, { gapMs }: { gapMs?: number } = {}): Promise<void> {
    // A deed may be done before anybody has asked the other one for anything.
    await this.goOn(1);
    await this.good.stop();
    const { vhostd, good } = this;
    const longestMs = Number(await vhostd.ask('longestGapMs'));
    t.diagnostic(
      `the other site: ${String(good.outcome)}; the longest gap of the master ${Math.round(longestMs)} ms`,
    );
    assert.equal((await vhostd.status()).pid, vhostd.pid);
    good.outcome.assertNothingLost('the other site');
    assert.equal((await vhostd.workers('b'))[0]?.pid, this.#goodPid);
    const most = this.#descriptors + DESCRIPTORS_MORE;
    await until('descriptors are what they were', () => ({
      done: descriptorCount(vhostd.pid) <= most,
      value: { before: this.#descriptors, kinds: descriptorKinds(vhostd.pid) },
    }));
    if (gapMs !== undefined) assert.ok(longestMs < gapMs, `a gap of ${longestMs} ms`);
  }

  /** Resolves once the other site has answered so many requests more. */
  async goOn(count: number): Promise<void> {
    const wanted = this.good.outcome.counts.ok + count;
    while (this.good.outcome.counts.ok < wanted) await delay(10);
  }

  /** Resident memory of the master, MB. */
  get residentMb(): number {
    return residentBytes(this.vhostd.pid) >> 20;
  }
}

/** What FIFOs that are made ahead of need, and connections of the load, may take. */
const DESCRIPTORS_MORE = 30;
