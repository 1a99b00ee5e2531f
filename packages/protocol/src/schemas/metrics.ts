// Metrics as they travel, and as Prometheus reads them:
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
import * as z from './zod.js';

export const metricFamily = z.object({
  name: z.string(),
  type: z.enum(['counter', 'gauge', 'histogram']),
  help: z.string(),
  samples: z.array(
    z.object({
      /** Of a histogram: `_bucket`, `_sum` or `_count`, which stands behind the name. */
      suffix: z.enum(['_bucket', '_sum', '_count']).exactOptional(),
      labels: z.record(z.string(), z.string()),
      value: z.number(),
    }),
  ),
});
export type MetricFamily = z.infer<typeof metricFamily>;

/** What {@link metricsText} is. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The text that Prometheus scrapes. */
export function metricsText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join('');
}

function familyText({ name, type, help, samples }: MetricFamily): string {
  const lines = samples.map(({ suffix = '', labels, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
