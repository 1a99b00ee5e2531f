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
  await read('/proc/net/tcp', numbers);
  // A kernel without IPv6 has no such file.
  await read('/proc/net/tcp6', numbers).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return numbers;
}

async function read(file: string, numbers: Set<number>): Promise<void> {
  let rest = '';
  // A turn of the event loop for each piece: there may be very many lines.
  for await (const piece of createReadStream(file, { encoding: 'latin1', highWaterMark: READ_BYTES })) {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const number = Number(line.trimStart().split(SPACES, NUMBER_COLUMN + 1)[NUMBER_COLUMN]);
      if (number > 0) numbers.add(number);
    }
  }
}

const READ_BYTES = 65_536;
const SPACES = / +/;
/** The columns before hold addresses, state, queues, timers, user and timeout. */
const NUMBER_COLUMN = 9;
