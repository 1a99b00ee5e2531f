// The logger that a site's code may use. pino is loaded only when somebody asks for it: a site pays for what it uses.
import { createRequire } from 'node:module';
import type { Logger, pino } from 'pino';

/** A logger to stdout whose lines carry these fields. */
export function createWorkerLogger(fields: { siteId: string; workerId: string }): Logger {
  const require = createRequire(import.meta.url);
  const create = require('pino') as typeof pino;
  return create({ level: process.env['LOG_LEVEL'] ?? 'info', base: { pid: process.pid, ...fields } });
}
