// Stands in for systemd where it receives what services tell it. Node has no Unix datagram sockets; every Debian has perl.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../../kit/until.js';

/** Every Debian has it. */
export const PERL = '/usr/bin/perl';

/** Why there can be none here; undefined if there can. */
export const WHY_NO_RECEIVER: string | undefined = existsSync('/usr/bin/perl')
  ? undefined
  : 'there is no perl';

export class NotifyReceiver {
  readonly address: string;
  /** Every message, its assignments in one line. */
  readonly messages: string[] = [];
  readonly #perl: ChildProcess;

  private constructor(dir: string) {
    this.address = join(dir, 'notify.sock');
    const perl = spawn(PERL, ['-MSocket', '-e', SCRIPT, this.address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface(perl.stdout).on('line', (line) => this.messages.push(line));
    this.#perl = perl;
  }

  /** One that receives at `address`, a socket in `dir`. */
  static async listen(dir: string): Promise<NotifyReceiver> {
    const receiver = new NotifyReceiver(dir);
    await receiver.told('listening');
    return receiver;
  }

  /** Waits for a message of which `wanted` is a part, behind the first `from` messages. */
  async told(wanted: string | RegExp, from = 0): Promise<string> {
    const found = await until(`systemd is told ${String(wanted)}`, () => {
      const value = this.messages.slice(from).find((message) => message.search(wanted) >= 0);
      return { done: value !== undefined, value: value ?? this.messages.join('\n') };
    });
    return found;
  }

  end(): void {
    this.#perl.kill('SIGKILL');
  }
}

const SCRIPT = `
$| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) and bind(S, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n";
while (defined(recv(S, my $message, 8192, 0))) { $message =~ s/\\n/ /g; print "$message\\n"; }`;
