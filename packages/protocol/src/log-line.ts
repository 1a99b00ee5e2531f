// A line of a log as a person on a terminal reads it.

/** Goes to the begin of a terminal's line, and takes away what it has: mostly, how far something is. */
export const CLEAR_LINE = '\r\u{1b}[K';

/**
 * Turns a JSON line of our own logs into `18:13:25 warn shop/3: worker exited: exited with code 1`: what it is about, what
 * happened, why, and then what else there is.
 */
export function terminalLogLine(json: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = { ...(JSON.parse(json) as object) };
  } catch {
    return json;
  }
  const { level, time, name, event, siteId, workerId, error, message, reason, code, ...rest } = fields;
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const what = String(event ?? '').replaceAll(/[:.-]+/gu, ' ');
  const why = [error, message, reason].filter((value) => value !== undefined).map(shown);
  const others = Object.entries(rest).filter(([field]) => !FOR_PROGRAMS.has(field));
  const line = [
    `${clock} ${LEVELS[String(level)] ?? level} ${shown(workerId ?? siteId ?? name)}: ${what}`,
    ...(why.length === 0 ? [] : [`: ${why.join('; ')}`]),
    ...(typeof code === 'string' ? [` (${code})`] : []),
    ...others.map(([field, value]) => ` ${field}=${quoted(value)}`),
  ].join('');
  // Nothing that comes from a site steers a terminal.
  return `${CLEAR_LINE}${line.replace(/\s*\n\s*/gu, '; ').replace(/[\p{Cc}\p{Cf}]/gu, '?')}\n`;
}

/** In words; an error's stack is for those who read the log as JSON. */
function shown(value: unknown): string {
  const { message, code }: { message?: unknown; code?: unknown } = Object(value);
  if (typeof message === 'string') return typeof code === 'string' ? `${message} (${code})` : message;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function quoted(value: unknown): string {
  return typeof value === 'string' && /^[^\s"]+$/u.test(value) ? value : JSON.stringify(value);
}

/** Fields that say nothing more to a person. */
const FOR_PROGRAMS: ReadonlySet<string> = new Set([
  'pid',
  'workerPid',
  'generation',
  'asked',
  'expected',
  'what',
]);
const LEVELS: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
