// A line of a log as a person on a terminal reads it.

/** Goes to the begin of a terminal's line, and takes away what it has: mostly, how far something is. */
export const CLEAR_LINE = '\r\u{1b}[K';

/** Turns a JSON line of our own logs into `18:13:25 warn master site.failed siteId=shop message="no database"`. */
export function terminalLogLine(json: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = { ...(JSON.parse(json) as object) };
  } catch {
    return json;
  }
  const { level, time, name, event, pid: _pid, ...rest } = fields;
  const clock = new Date(String(time)).toTimeString().slice(0, 8);
  const values = Object.entries(rest).map(([field, value]) => `${field}=${shown(value)}`);
  const line = [clock, LEVELS[String(level)] ?? level, name, event, ...values].join(' ');
  // Nothing that comes from a site steers a terminal.
  return `${CLEAR_LINE}${line.replace(/[\p{Cc}\p{Cf}]/gu, '?')}\n`;
}

function shown(value: unknown): string {
  const { message, code }: { message?: unknown; code?: unknown } = Object(value);
  // An error's stack is for those who read the log as JSON.
  if (typeof message === 'string') {
    return [JSON.stringify(message), ...(typeof code === 'string' ? [`(${code})`] : [])].join(' ');
  }
  return typeof value === 'string' && /^[^\s"]+$/u.test(value) ? value : JSON.stringify(value);
}

const LEVELS: Readonly<Record<string, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
