// How a conf bounds log files.
import type { z } from '@vhostd/protocol/schemas';
import { duration, flag, GIGABYTE, integer, object, size, withoutUndefined } from './fields.js';
import type { LogRotation } from './site-conf.js';

export const logRotate: z.ZodType<LogRotation> = object({
  size: size(1024, 1024 * GIGABYTE)
    .prefault('10mb')
    .describe('A file that would grow beyond this is renamed, and a new one begun.'),
  interval: duration(60_000)
    .optional()
    .describe(
      'A new file is also begun with each multiple of this, UTC: `1d` at midnight; five minutes later at most where nothing is written. Absent: by size alone.',
    ),
  keep: integer(1, 1000)
    .default(3)
    .describe('How many old files are kept: `FILE.1`, the newest, to `FILE.N`.'),
  maxAge: duration(60_000, 365 * 86_400_000)
    .optional()
    .describe('Age at which an old file is removed, five minutes later at most. Absent: none is.'),
  compress: flag()
    .default(false)
    .describe('Whether all old files but `FILE.1` are compressed, as `FILE.2.gz`.'),
}).transform(({ size: maxBytes, keep: keepCount, interval, maxAge, compress }) =>
  withoutUndefined({ maxBytes, keepCount, intervalMs: interval, maxAgeMs: maxAge, compress }),
);
