// `vhostd events`: what happens in a running daemon's master, as it comes.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { MasterEvent } from '@vhostd/protocol';
import type { Command } from 'commander';
import { terminalWidth, wrapped } from '../columns.js';
import { attempt } from '../errors.js';
import { printableLine } from '../printable.js';
import { addClientOptions, clientOf } from './options.js';
import type { ClientOptions } from './options.js';

interface EventsOptions extends ClientOptions {
  connections?: true;
}

export function addEventsCommand(program: Command): void {
  const command = program
    .command('events')
    .summary('show what happens, as it comes')
    .description(
      'Shows a line for each event of the master from now on, of one site or of all, until Ctrl-C or until the daemon ' +
        'stops. It goes on with the next master.',
    )
    .argument('[site]', 'its siteId')
    .option('--connections', 'also each connection: that may be thousands a second');
  addClientOptions(command).action((site: string | undefined, options: EventsOptions) =>
    attempt(options, () => events(site, options)),
  );
}

async function events(site: string | undefined, options: EventsOptions): Promise<number> {
  const reader = new AbortController();
  // Whoever reads may be gone.
  process.stdout.once('error', () => reader.abort());
  const following = clientOf(options).follow({
    ...(site === undefined ? {} : { siteId: site }),
    connections: options.connections === true,
    onEvent: (event) => {
      const lines =
        options.json === true ? [JSON.stringify(event)] : wrapped(eventLine(event), terminalWidth());
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    },
    signal: reader.signal,
  });
  try {
    await following;
  } catch (error) {
    if (!reader.signal.aborted) throw error;
  }
  return EXIT_CODES.ok;
}

/** Its time, its name, what it is about, and the rest of its payload. */
export function eventLine({ time, event, payload }: MasterEvent): string {
  const { siteId, workerId, ...rest } = payload;
  const subject = workerId ?? siteId;
  const fields = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`);
  const named = typeof subject === 'string' ? [subject] : [];
  return printableLine([time, event, ...named, ...fields].join(' '));
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[^\s"]+$/u.test(value) ? value : JSON.stringify(value);
}
