// Which TCP sockets some process still holds, as the kernel lists them: what no worker can lie about. See proc(5).
import { createReadStream, fstatSync } from 'node:fs';

/** The number by which the kernel lists a socket, the same in every process that holds it; undefined: it has gone. */
export function socketNumber(fd: number): number | undefined {
  try {
    return fstatSync(fd).ino;
  } catch {
    return undefined;
  }
}

/**
 * The numbers of all sockets that are held at present; one that everybody has closed has none.
 * @throws where the kernel lists no IPv4 sockets, as without /proc.
 */
export async function heldSockets(): Promise<Set<number>> {
  const numbers = new Set<number>();
  await read('/proc/net/tcp', IPV4_DIGITS, numbers);
  // A kernel without IPv6 has no such file.
  await read('/proc/net/tcp6', IPV6_DIGITS, numbers).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return numbers;
}

async function read(file: string, addressDigits: number, numbers: Set<number>): Promise<void> {
  const stateAt = 2 * (1 + addressDigits + PORT_CHARS) + 2;
  let rest = '';
  // A turn of the event loop for each piece: there may be very many lines.
  for await (const piece of createReadStream(file, { encoding: 'latin1', highWaterMark: READ_BYTES })) {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      // Most lines, on a busy machine: nobody holds them.
      if (line.startsWith(TIME_WAIT, line.indexOf(':') + stateAt)) continue;
      const number = Number(line.trimStart().split(SPACES, NUMBER_COLUMN + 1)[NUMBER_COLUMN]);
      if (number > 0) numbers.add(number);
    }
  }
}

const IPV4_DIGITS = 8;
const IPV6_DIGITS = 32;
/** A colon and four digits. */
const PORT_CHARS = 5;
/** TCP_TIME_WAIT of include/net/tcp_states.h. */
const TIME_WAIT = '06';
const READ_BYTES = 65_536;
const SPACES = / +/;
/** The columns before hold addresses, state, queues, timers, user and timeout. */
const NUMBER_COLUMN = 9;
