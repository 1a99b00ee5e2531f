// Metrics that are sent to a collector, which looks at their form as the protocol has it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { z } from '@vhostd/protocol/schemas';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { within } from '../../kit/until.js';

const SITE = { siteId: 'a', heartbeatInterval: '100ms', cpuLen: 1 };

void describe('a collector', { concurrency: 2 }, () => {
  void it('gets what /metrics tells, with the header fields of the conf', async (t) => {
    const collector = await Collector.start(t);
    const otlp = { endpoint: collector.endpoint, interval: '1s', headers: { 'Api-Key': 'k3y' } };
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { otlp } } });
    await get(await vhostd.port(), 'a.test');
    const { headers, metrics } = await collector.next(
      (all) => valueOf(all, 'vhostd_http_requests_total') === 1,
    );
    assert.equal(headers['api-key'], 'k3y');
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(valueOf(metrics, 'vhostd_ready'), 1);
    const duration = metrics.find(({ name }) => name === 'vhostd_http_request_duration_seconds');
    assert.equal(duration?.histogram?.dataPoints[0]?.count, '1');
  });

  void it('that is gone is reported once, and misses nothing but points', async (t) => {
    const collector = await Collector.start(t);
    const otlp = { endpoint: collector.endpoint, interval: '1s' };
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { otlp } } });
    await collector.next(() => true);
    collector.answers = 503;
    const [failed] = await vhostd.logs('metrics.push-failed', 1);
    assert.deepEqual(
      [failed?.['endpoint'], failed?.['message']],
      [collector.endpoint, 'the collector answers 503'],
    );
    await get(await vhostd.port(), 'a.test');
    await collector.refuses(2);
    collector.answers = 200;
    await collector.next((all) => valueOf(all, 'vhostd_http_requests_total') === 1);
    await vhostd.logs('metrics.push-resumed', 1);
    assert.equal(vhostd.logged('metrics.push-failed').length, 1);
    vhostd.configure([SITE], { metrics: {} });
    await vhostd.reloaded();
  });

  void it('that takes the message and never answers is given up, and asked again', async (t) => {
    const collector = await Collector.start(t);
    collector.answers = undefined;
    const otlp = { endpoint: collector.endpoint, interval: '1s' };
    const vhostd = await startVhostd(t, { daemon: true, sites: [SITE], conf: { metrics: { otlp } } });
    const [failed] = await vhostd.logs('metrics.push-failed', 1);
    assert.equal(failed?.['message'], 'the collector has not answered within 1000 ms');
    await collector.refuses(2);
    collector.answers = 200;
    await vhostd.logs('metrics.push-resumed', 1);
  });
});

const uint64 = z.string().regex(/^\d{1,20}$/);
const attributes = z.array(
  z.strictObject({ key: z.string().min(1), value: z.strictObject({ stringValue: z.string() }) }),
);
const number = z.strictObject({
  attributes,
  startTimeUnixNano: uint64.exactOptional(),
  timeUnixNano: uint64,
  asDouble: z.number(),
});
const described = { name: z.string().min(1).max(255), description: z.string(), unit: z.string() };
const metric = z
  .strictObject({
    ...described,
    gauge: z.strictObject({ dataPoints: z.array(number).min(1) }).exactOptional(),
    sum: z
      .strictObject({
        aggregationTemporality: z.literal(2),
        isMonotonic: z.boolean(),
        dataPoints: z.array(number).min(1),
      })
      .exactOptional(),
    histogram: z
      .strictObject({
        aggregationTemporality: z.literal(2),
        dataPoints: z
          .array(
            z
              .strictObject({
                attributes,
                startTimeUnixNano: uint64,
                timeUnixNano: uint64,
                count: uint64,
                sum: z.number(),
                bucketCounts: z.array(uint64),
                explicitBounds: z.array(z.number()),
              })
              .refine(({ bucketCounts, explicitBounds }) => bucketCounts.length === explicitBounds.length + 1)
              .refine(({ bucketCounts, count }) => sum(bucketCounts) === Number(count)),
          )
          .min(1),
      })
      .exactOptional(),
  })
  .refine(({ gauge, sum: total, histogram }) => [gauge, total, histogram].filter(Boolean).length === 1);
/** ExportMetricsServiceRequest, in JSON. */
const exportRequest = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes }),
      scopeMetrics: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.literal('vhostd'), version: z.string() }),
          metrics: z.array(metric).min(10),
        }),
      ),
    }),
  ),
});
type Metric = z.infer<typeof metric>;

interface Message {
  headers: IncomingHttpHeaders;
  metrics: Metric[];
}

class Collector {
  /** A status; undefined: it takes what comes, and says nothing. */
  answers: number | undefined = 200;
  readonly #server: Server;
  readonly #messages: Message[] = [];
  #refusedCount = 0;
  #fault: unknown;
  #more: () => void = () => undefined;

  private constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        if (this.answers === 200) this.#take(request.headers, text);
        else this.#refusedCount += 1;
        if (this.answers !== undefined) {
          response.writeHead(this.answers, { 'content-type': 'application/json' }).end('{}');
        }
        this.#more();
      });
    });
  }

  static async start(t: TestContext): Promise<Collector> {
    const collector = new Collector();
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    atEnd(t, () => collector.#server.close());
    return collector;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/metrics`;
  }

  /** Waits for a message that is as wanted. */
  async next(wanted: (metrics: Metric[]) => boolean): Promise<Message> {
    return await this.#until('a message', () => {
      const message = this.#messages.shift();
      return message !== undefined && wanted(message.metrics) ? message : undefined;
    });
  }

  /** Waits until it has refused so many. */
  async refuses(count: number): Promise<void> {
    await this.#until('refusals', () => (this.#refusedCount >= count ? true : undefined));
  }

  async #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const found = (async (): Promise<T> => {
      for (;;) {
        if (this.#fault !== undefined) throw this.#fault;
        const value = look();
        if (value !== undefined) return value;
        if (this.#messages.length === 0) await new Promise<void>((resolve) => (this.#more = resolve));
      }
    })();
    return await within(what, 60_000, found);
  }

  #take(headers: IncomingHttpHeaders, text: string): void {
    try {
      const { resourceMetrics } = exportRequest.parse(JSON.parse(text));
      const scopes = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics);
      this.#messages.push({ headers, metrics: scopes.flatMap(({ metrics }) => metrics) });
    } catch (error) {
      this.#fault = error;
    }
  }
}

/** Of all its points. */
function valueOf(metrics: readonly Metric[], name: string): number {
  const found = metrics.find((one) => one.name === name);
  return ((found?.gauge ?? found?.sum)?.dataPoints ?? []).reduce((total, point) => total + point.asDouble, 0);
}

function sum(counts: readonly string[]): number {
  return counts.reduce((total, count) => total + Number(count), 0);
}
