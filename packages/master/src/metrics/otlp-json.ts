// Metrics as OTLP has them, in its JSON form:
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and opentelemetry/proto/metrics/v1/metrics.proto.
import type { MetricFamily } from '@vhostd/protocol';

type Sample = MetricFamily['samples'][number];

/** Whose metrics they are, and of when. */
export interface OtlpOrigin {
  readonly version: string;
  readonly machine: string;
  readonly pid: number;
  /** Since when counters count; ms since 1970. */
  readonly startMs: number;
  readonly nowMs: number;
}

/** An ExportMetricsServiceRequest. Names and labels are those of /metrics; families without samples are left out. */
export function otlpRequest(families: readonly MetricFamily[], origin: OtlpOrigin): object {
  const { version, machine, pid } = origin;
  const resource = {
    'service.name': 'vhostd',
    'service.version': version,
    'host.name': machine,
    'service.instance.id': `${machine}:${pid}`,
  };
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeMetrics: [
          {
            scope: { name: 'vhostd', version },
            metrics: families
              .filter(({ samples }) => samples.length > 0)
              .map((family) => metricOf(family, origin)),
          },
        ],
      },
    ],
  };
}

function metricOf(family: MetricFamily, origin: OtlpOrigin): object {
  const { name, type, help, samples } = family;
  const described = { name, description: help, unit: unitOf(name) };
  const at = { timeUnixNano: nanosOf(origin.nowMs) };
  const since = { startTimeUnixNano: nanosOf(origin.startMs), ...at };
  const points = (times: object): object[] =>
    samples.map(({ labels, value }) => ({ attributes: attributesOf(labels), ...times, asDouble: value }));
  if (type === 'gauge') return { ...described, gauge: { dataPoints: points(at) } };
  const aggregationTemporality = CUMULATIVE;
  if (type === 'counter') {
    return { ...described, sum: { aggregationTemporality, isMonotonic: true, dataPoints: points(since) } };
  }
  return { ...described, histogram: { aggregationTemporality, dataPoints: histogramPoints(samples, since) } };
}

/** Of each set of labels one point, out of its buckets, each of which counts those below it as well, sum and count. */
function histogramPoints(samples: readonly Sample[], times: object): object[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups].map(([labels, group]) => {
    const buckets = group.filter(({ suffix }) => suffix === '_bucket');
    const valueOf = (suffix: string): number => group.find((one) => one.suffix === suffix)?.value ?? 0;
    return {
      attributes: attributesOf(JSON.parse(labels) as Record<string, string>),
      ...times,
      count: String(valueOf('_count')),
      sum: valueOf('_sum'),
      explicitBounds: buckets.map((bucket) => Number(bucket.labels['le'])).filter(Number.isFinite),
      bucketCounts: buckets.map(({ value }, index) => String(value - (buckets[index - 1]?.value ?? 0))),
    };
  });
}

function attributesOf(labels: Readonly<Record<string, string>>): object[] {
  return Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** In UCUM. */
function unitOf(name: string): string {
  if (/_seconds(?:_total)?$/u.test(name)) return 's';
  return name.endsWith('_bytes') ? 'By' : '1';
}

/** 64-bit numbers are texts in this form. */
function nanosOf(ms: number): string {
  return `${BigInt(Math.round(ms * 1_000)) * 1_000n}`;
}

/** AGGREGATION_TEMPORALITY_CUMULATIVE; enumerations are numbers in this form. */
const CUMULATIVE = 2;
