// The TCP ports that a process listens on, as Linux tells them: for programs that don't say it themselves.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ports in any address family; none when the process is gone. */
export function listeningPorts(pid: number): number[] {
  const inodes = new Set(socketInodes(pid));
  return ['tcp', 'tcp6']
    .flatMap((table) => readFileSync(`/proc/net/${table}`, 'latin1').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTENING && inodes.has(inode ?? ''))
    .map(([, local = '']) => Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
}

/** TCP_LISTEN of include/net/tcp_states.h in Linux, as /proc/net/tcp prints it (proc(5)). */
const LISTENING = '0A';

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return [];
  }
}
