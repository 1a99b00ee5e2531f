// An event in one line.
import type { MasterEvent } from '@vhostd/protocol';

/** What it is about, then the rest of its payload. */
export function describe({ payload }: MasterEvent): string {
  const { siteId, workerId, ...rest } = payload;
  const subject = workerId ?? siteId;
  const fields = Object.entries(rest)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name} ${textOf(value)}`);
  return [...(typeof subject === 'string' ? [subject] : []), ...fields].join(' · ');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const message: unknown = Reflect.get(Object(value), 'message');
  return typeof message === 'string' ? message : JSON.stringify(value);
}

/** What only programs want. */
const LEFT_OUT: ReadonlySet<string> = new Set(['leaveLimitMs', 'stopSignal', 'asked', 'expected']);
