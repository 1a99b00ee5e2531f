// Descriptors that this process was started with and does not know of, as a shell's `exec 200>lock` leaves them. A child
// would get them as well: Node keeps only the lowest ones from it. Linux only: /proc.
import { readdirSync, readFileSync } from 'node:fs';

/** Their numbers, as they were when this was first asked. */
export function inheritedDescriptors(): readonly number[] {
  inherited ??= lookUp();
  return inherited;
}

function lookUp(): number[] {
  try {
    return readdirSync('/proc/self/fdinfo')
      .map(Number)
      .filter((fd) => fd > STANDARD_ERROR && isPassedOn(fd))
      .toSorted((one, other) => one - other);
  } catch {
    return [];
  }
}

function isPassedOn(fd: number): boolean {
  try {
    const [, flags = ''] =
      /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    return (parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // It was the directory's.
    return false;
  }
}

let inherited: readonly number[] | undefined;
const STANDARD_ERROR = 2;
/** fcntl.h of Linux. */
const O_CLOEXEC = 0o2_000_000;
