// Who listens on which port, as Linux tells in /proc: nothing is opened for it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** A listening TCP socket of this machine. */
export interface ListeningSocket {
  /** `0.0.0.0` and `::` for every address. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** Every one of this network namespace; undefined where the system does not tell. */
export function listeningSockets(): ListeningSocket[] | undefined {
  try {
    return ['tcp', 'tcp6'].flatMap((name) => parseTable(readFileSync(`/proc/net/${name}`, 'latin1')));
  } catch {
    return undefined;
  }
}

/** The lines of /proc/net/tcp and tcp6 (proc_net_tcp(5)) in state LISTEN. Pure. */
export function parseTable(table: string): ListeningSocket[] {
  // A busy machine has a line a connection, a hundred thousand of them: they are not taken apart.
  return Array.from(
    table.matchAll(LISTENING),
    ({ groups: { address = '', port = '', inode = '' } = {} }) => ({
      address: addressOf(address),
      port: Number.parseInt(port, 16),
      inode,
    }),
  );
}

/** The process that has a socket: `nginx, pid 812`; undefined where this user may not see it. */
export function ownerOf({ inode }: ListeningSocket): { pid: number; name: string } | undefined {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/u.test(pid)) continue;
    try {
      const has = readdirSync(`/proc/${pid}/fd`).some(
        (fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`,
      );
      if (has) return { pid: Number(pid), name: nameOf(pid) };
    } catch {
      // It has ended, or is another user's.
    }
  }
  return undefined;
}

/** Of its program: a thread, as Node's first one, may have given the process another name. */
function nameOf(pid: string): string {
  const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return path.basename(program) || readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

/** Groups of four bytes, each in the order of the machine: little-endian wherever Node runs on Linux today. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/gu) ?? []).flatMap((word) =>
    (word.match(/../gu) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** A line whose state is 0A, TCP_LISTEN of the kernel. */
const LISTENING =
  /^ *\d+: (?<address>[\dA-F]+):(?<port>[\dA-F]{4}) [\dA-F]+:[\dA-F]{4} 0A (?:\S+ +){5}(?<inode>\d+)/gmu;
