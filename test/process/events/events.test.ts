// Who follows the events of a master: over HTTP, by `vhostd events`, over upgrades and deaths.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import type { MasterEvent } from '@vhostd/protocol';
import { atEnd } from '../../kit/at-end.js';
import { COMMAND } from '../../kit/full-vhostd.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { within } from '../../kit/until.js';

void describe('GET /v1/events', () => {
  void it('gives JSON lines, or server-sent events, until the master ends', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }, { siteId: 'b' }] });
    const lines = new Lines(vhostd, '/v1/events?siteId=a');
    const sent = new Lines(vhostd, '/v1/events', 'text/event-stream');
    await lines.next(/^\{"progress":\{"time":"[^"]+","event":"subscribed","payload":\{"master":\d+\}\}\}$/);
    await sent.next(/^data: \{"time":"[^"]+","event":"subscribed",/);
    await vhostd.reloaded('b');
    await vhostd.reloaded('a');
    await lines.next(/"event":"site.reloaded","payload":\{"siteId":"a","generation":2\}/);
    assert.doesNotMatch(lines.seen.join('\n'), /"siteId":"b"/);
    await sent.next(/^data: \{.*"event":"site.reloaded","payload":\{"siteId":"b"/);
    await vhostd.stop();
    await lines.next(/^\{"error":\{"code":"ERR_CALL_LOST"/);
    await sent.next(/^event: failed$/);
  });

  void it('refuses a site that there is not', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    await assert.rejects(vhostd.client.follow({ siteId: 'x', onEvent: () => undefined }), {
      code: 'ERR_SITE_UNKNOWN',
    });
  });
});

void describe('DaemonClient.follow', () => {
  void it('goes on over an upgrade, the death of the master and that of the daemon', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    const follower = new Follower(vhostd);
    const first = await follower.next('subscribed');
    await vhostd.client.upgrade();
    const second = await follower.next('subscribed');
    assert.notEqual(second['master'], first['master']);
    process.kill(Number(second['master']), 'SIGKILL');
    const third = await follower.next('subscribed');
    assert.notEqual(third['master'], second['master']);
    await vhostd.serves();
    process.kill((await vhostd.status()).daemon.pid, 'SIGKILL');
    // The master lives on, under another daemon.
    assert.deepEqual(await follower.next('subscribed'), third);
    await vhostd.reloaded('a');
    await follower.next('site.reloaded');
    await vhostd.stop();
    await within('the end of following', LIMIT_MS, follower.ended);
  });
});

void describe('vhostd events', () => {
  void it('prints a line for each event, and ends when the daemon has stopped', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    const child = spawn(process.execPath, [COMMAND, 'events', 'a', '--run-dir', vhostd.runDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    atEnd(t, () => child.kill('SIGKILL'));
    const closed = once(child, 'close');
    const seen: string[] = [];
    const lines = createInterface({ input: child.stdout });
    const begun = once(lines, 'line');
    lines.on('line', (line) => seen.push(line));
    await within('its first line', LIMIT_MS, begun);
    await vhostd.reloaded('a');
    await vhostd.stop();
    const [code] = (await within('its end', LIMIT_MS, closed)) as unknown[];
    assert.equal(code, 0);
    assert.match(seen.join('\n'), /^\d{4}-\S+Z worker\.ready a\/\S+ workerPid=\d+ generation=2$/m);
    assert.match(seen.join('\n'), /^\S+ site\.reloaded a generation=2$/m);
  });
});

/** The lines of an answer that has no end. */
class Lines {
  readonly seen: string[] = [];
  #more: () => void = () => undefined;

  constructor(vhostd: FullVhostd, path: string, accept = '*/*') {
    const socketPath = join(vhostd.runDir, 'control.sock');
    http.get({ socketPath, path, headers: { accept }, agent: false }, (response) => {
      createInterface({ input: response }).on('line', (line) => {
        this.seen.push(line);
        this.#more();
      });
    });
  }

  /** Waits until there is a line like this. */
  async next(pattern: RegExp): Promise<void> {
    const arrived = (async (): Promise<void> => {
      while (!this.seen.some((line) => pattern.test(line)))
        await new Promise<void>((resolve) => (this.#more = resolve));
    })();
    await within(`a line like ${pattern.source}`, LIMIT_MS, arrived).catch((error: unknown) => {
      throw new Error(`${String(error)}; there were:\n${this.seen.join('\n')}`);
    });
  }
}

class Follower {
  readonly ended: Promise<void>;
  readonly #events: MasterEvent[] = [];
  #more: () => void = () => undefined;

  constructor(vhostd: FullVhostd) {
    this.ended = vhostd.client.follow({
      onEvent: (event) => {
        this.#events.push(event);
        this.#more();
      },
    });
    this.ended.catch(() => undefined);
  }

  /** The payload of the next event of this name; those before it are left out. */
  async next(name: string): Promise<Record<string, unknown>> {
    const arrived = (async (): Promise<Record<string, unknown>> => {
      for (;;) {
        const event = this.#events.shift();
        if (event?.event === name) return event.payload;
        if (event === undefined) await new Promise<void>((resolve) => (this.#more = resolve));
      }
    })();
    return await within(`the event ${name}`, LIMIT_MS, arrived);
  }
}

/** What only a hang exceeds. */
const LIMIT_MS = 60_000;
