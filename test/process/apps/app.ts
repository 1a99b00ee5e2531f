// Apps that know nothing of vhostd, as CommonJS text, and a master that serves one of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

export const HOST = 'a.test';

/** Writes an app into a directory of its own, which is removed after the test. */
export function writeApp(t: TestContext, source: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-app-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'app.cjs');
  writeFileSync(file, source);
  return file;
}

/** A master that serves an app as site `a`, with one worker unless the options say otherwise. */
export async function startApp(
  t: TestContext,
  source: string,
  options: Partial<SiteOptions> = {},
): Promise<LoneMaster> {
  return await startVhostd(t, { sites: [{ siteId: 'a', workerFile: writeApp(t, source), ...options }] });
}

/** Whether anything listens on a port of 127.0.0.1. */
export async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).then((open) => {
    socket.destroy();
    return open === true;
  });
}

/** Clients that open a connection for each GET, until they are told to stop. */
export class Asking {
  readonly failures: string[] = [];
  okCount = 0;
  readonly #clients: Promise<void>[];
  #stopping = false;

  constructor(port: number, clientCount = 4) {
    this.#clients = Array.from({ length: clientCount }, () => this.#run(port));
  }

  /** Waits until so many more have been answered. */
  async progress(count: number): Promise<void> {
    const wanted = this.okCount + count;
    await until(`${wanted} answers`, () => ({
      done: this.okCount >= wanted || this.failures.length > 0,
      value: this.okCount,
    }));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #run(port: number): Promise<void> {
    while (!this.#stopping) {
      try {
        const { status } = await get(port, HOST);
        if (status === 200) this.okCount += 1;
        else this.failures.push(`status ${status}`);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}
