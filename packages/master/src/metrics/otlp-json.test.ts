import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MetricFamily } from '@vhostd/protocol';
import { otlpRequest } from './otlp-json.js';

const ORIGIN = { version: '1.2.3', machine: 'm', pid: 7, startMs: 1_000.5, nowMs: 2_000 };
const [START, NOW] = ['1000500000', '2000000000'];

function metricsOf(...families: MetricFamily[]): unknown {
  const request = otlpRequest(families, ORIGIN) as {
    resourceMetrics: [{ scopeMetrics: [{ metrics: unknown }] }];
  };
  return request.resourceMetrics[0].scopeMetrics[0].metrics;
}

const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });

void describe('OTLP', () => {
  void it('says whose metrics they are', () => {
    assert.deepEqual(otlpRequest([], ORIGIN), {
      resourceMetrics: [
        {
          resource: {
            attributes: [
              attribute('service.name', 'vhostd'),
              attribute('service.version', '1.2.3'),
              attribute('host.name', 'm'),
              attribute('service.instance.id', 'm:7'),
            ],
          },
          scopeMetrics: [{ scope: { name: 'vhostd', version: '1.2.3' }, metrics: [] }],
        },
      ],
    });
  });

  void it('has counters as sums since the start, gauges as they are, and leaves out what has no value', () => {
    const metrics = metricsOf(
      { name: 'x_total', type: 'counter', help: 'h', samples: [{ labels: { site: 'a' }, value: 3 }] },
      { name: 'y_bytes', type: 'gauge', help: 'h', samples: [{ labels: {}, value: 1.5 }] },
      { name: 'z', type: 'gauge', help: 'h', samples: [] },
    );
    const times = { startTimeUnixNano: START, timeUnixNano: NOW };
    assert.deepEqual(metrics, [
      {
        name: 'x_total',
        description: 'h',
        unit: '1',
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: [{ attributes: [attribute('site', 'a')], ...times, asDouble: 3 }],
        },
      },
      {
        name: 'y_bytes',
        description: 'h',
        unit: 'By',
        gauge: { dataPoints: [{ attributes: [], timeUnixNano: NOW, asDouble: 1.5 }] },
      },
    ]);
  });

  void it('has each bucket of a histogram by itself, one more than there are bounds', () => {
    const sample = (suffix: '_bucket' | '_sum' | '_count', value: number, le?: string) => ({
      suffix,
      labels: { site: 'a', ...(le === undefined ? {} : { le }) },
      value,
    });
    const [metric] = metricsOf({
      name: 'd_seconds',
      type: 'histogram',
      help: 'h',
      samples: [
        sample('_bucket', 2, '0.1'),
        sample('_bucket', 5, '1'),
        sample('_bucket', 6, '+Inf'),
        sample('_sum', 4.5),
        sample('_count', 6),
      ],
    }) as [object];
    assert.deepEqual(metric, {
      name: 'd_seconds',
      description: 'h',
      unit: 's',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            attributes: [attribute('site', 'a')],
            startTimeUnixNano: START,
            timeUnixNano: NOW,
            count: '6',
            sum: 4.5,
            explicitBounds: [0.1, 1],
            bucketCounts: ['2', '3', '1'],
          },
        ],
      },
    });
  });
});
