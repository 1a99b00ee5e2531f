// HAProxy's runtime API, over its sockets: what it has now, and commands that change it.
import { connect } from 'node:net';

/** A server as HAProxy has it. */
export interface RunningServer {
  /** It waits for an order, or is switched off. */
  readonly maint: boolean;
  readonly drain: boolean;
  /** Its check, or the one that it follows. */
  readonly state: 'up' | 'down' | 'unknown';
  readonly weight: number;
}

export class HaproxyRuntime {
  readonly #socket: string;
  readonly #masterSocket: string;

  constructor(socket: string, masterSocket: string) {
    this.#socket = socket;
    this.#masterSocket = masterSocket;
  }

  /** The process that serves. Rejects where there is none. */
  async pid(): Promise<string> {
    const found = /^Pid: (\d+)$/m.exec(await ask(this.#socket, 'show info'))?.[1];
    if (found === undefined) throw new Error('HAProxy does not tell its process');
    return found;
  }

  async backends(): Promise<Set<string>> {
    const lines = (await ask(this.#socket, 'show backend')).split('\n');
    return new Set(lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')));
  }

  /** Of these backends, or of all, by backend and name; and the text that HAProxy reads when it starts. */
  async servers(
    backends?: readonly string[],
  ): Promise<{ servers: Map<string, Map<string, RunningServer>>; text: string }> {
    const texts = await this.commands((backends ?? ['']).map((name) => `show servers state ${name}`.trim()));
    const servers = new Map<string, Map<string, RunningServer>>();
    const lines = texts
      .join('\n')
      .split('\n')
      .filter((line) => /^\d+ \S+ \d+ /.test(line));
    for (const line of lines) {
      const [, backend = '', , name = '', , operational, administrative, weight, , , checked] =
        line.split(' ');
      const admin = Number(administrative);
      const known = servers.get(backend) ?? new Map<string, RunningServer>();
      servers.set(backend, known);
      known.set(name, {
        maint: (admin & MAINT) !== 0,
        drain: (admin & DRAIN) !== 0,
        state: operational === '0' ? 'down' : isChecked(backend, checked) ? 'up' : 'unknown',
        weight: Number(weight),
      });
    }
    return { servers, text: `1\n${STATE_HEAD}\n${lines.join('\n')}\n` };
  }

  /** The entries of a map. */
  async map(file: string): Promise<Map<string, string>> {
    const lines = (await ask(this.#socket, `show map ${file}`)).split('\n');
    return new Map(
      lines.flatMap((line) => {
        const [, key, value] = line.split(' ');
        return key === undefined || value === undefined ? [] : [[key, value] as const];
      }),
    );
  }

  /** Gives commands, as many as fit at a time, and resolves with what was answered. */
  async commands(commands: readonly string[]): Promise<string[]> {
    const answers: string[] = [];
    for (let from = 0; from < commands.length;) {
      let [end, length] = [from, 0];
      while (
        end < commands.length &&
        (end === from || length + (commands[end]?.length ?? 0) < MAX_LINE_CHARS)
      ) {
        length += (commands[end]?.length ?? 0) + 2;
        end += 1;
      }
      answers.push(await ask(this.#socket, commands.slice(from, end).join('; ')));
      from = end;
    }
    return answers;
  }

  /** Starts another process with the conf as it is now, which takes the addresses over. */
  async reload(): Promise<void> {
    await ask(this.#masterSocket, 'reload');
  }
}

/** A machine that was never checked may be up or not. */
function isChecked(backend: string, checked: string | undefined): boolean {
  return !backend.startsWith('machine:') || (checked !== '0' && checked !== '1');
}

async function ask(socket: string, command: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const connection = connect(socket);
    let text = '';
    connection.setEncoding('utf8');
    connection.setTimeout(ANSWER_LIMIT_MS, () => connection.destroy(new Error(`${socket} does not answer`)));
    connection.on('data', (chunk: string) => (text += chunk));
    connection.on('error', reject);
    connection.on('end', () => resolve(text));
    connection.end(`${command}\n`);
  });
}

const ANSWER_LIMIT_MS = 10_000;
/** HAProxy reads a line of commands into one buffer of 16 KB. */
const MAX_LINE_CHARS = 8000;
/** Ordered; and by the conf (management.txt, `show servers state`). */
const MAINT = 0x01 | 0x04;
const DRAIN = 0x08;
const STATE_HEAD =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight ' +
  'srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state ' +
  'bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr ' +
  'srv_agent_addr srv_agent_port';
