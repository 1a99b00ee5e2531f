// Machines of a network on this one: each a network namespace, with a cable to one bridge where the test's own process is.
// The test has a namespace of its own, which scripts/test-fleet.js gives it: no address of it is anybody else's.
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

export class Network {
  readonly #names: readonly string[];

  /** Machines of these names, for as long as the test's own namespace lasts. */
  constructor(names: readonly string[]) {
    this.#names = names;
    ip('link', 'add', BRIDGE, 'type', 'bridge');
    ip('address', 'add', `${SUBNET}.254/24`, 'dev', BRIDGE);
    ip('link', 'set', BRIDGE, 'up');
    for (const name of names) this.#add(name);
  }

  addressOf(name: string): string {
    return `${SUBNET}.${this.#names.indexOf(name) + 1}`;
  }

  /** What a process on this machine is started by. It becomes the process: its id is the one that is started. */
  through(name: string): string[] {
    return ['nsenter', `--net=/run/netns/${name}`];
  }

  /** Pulls the cable of a machine: whatever is on its way is lost, and nobody is told. Clients go on meanwhile. */
  async cut(name: string): Promise<void> {
    await promisify(execFile)('ip', ['link', 'set', name, 'down']);
  }

  async mend(name: string): Promise<void> {
    await promisify(execFile)('ip', ['link', 'set', name, 'up']);
  }

  #add(name: string): void {
    ip('netns', 'add', name);
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('link', 'set', name, 'master', BRIDGE, 'up');
    ip('-n', name, 'address', 'add', `${this.addressOf(name)}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) ip('-n', name, 'link', 'set', device, 'up');
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args);
}

const BRIDGE = 'switch';
/** For trials between networks (RFC 2544): nobody's. */
const SUBNET = '198.18.0';
