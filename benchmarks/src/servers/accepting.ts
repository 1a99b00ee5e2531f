// Waits for a program that does not say when it listens.
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Resolves when a port of 127.0.0.1 accepts connections.
 * @throws {Error} when the program ends before.
 */
export async function accepting(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('error', () => resolve(false));
    });
    if (connected) return;
    await delay(POLL_MS);
  }
  throw new Error(`${child.spawnfile} ended before it listened on port ${port}`);
}

const POLL_MS = 20;
