// Lets a test know which worker each connection belongs to in the eyes of the master: from the moment on in which it
// has read the worker's confirmation, or the worker has claimed it, the connection lives and dies with that process. Looks into the master's classes.
import type { Commands } from '../../kit/orders.js';

interface WorkerProcess {
  process: { pid?: number };
  give: (this: WorkerProcess, connection: { head: string }) => boolean;
}
interface Handoff {
  give: (this: Handoff, connection: { head: string }) => boolean;
  onAccepted: (
    this: Handoff,
    payload: Buffer,
  ) => { kind: 'ok'; acceptedCount: number } | { kind: 'violation' };
  retract: (this: Handoff) => { head: string }[];
  takeBack: (this: Handoff) => { acceptedCount: number };
}
interface Given {
  url: string;
  pid: number;
}

const base = import.meta.resolve('@vhostd/master');
const workers = await prototypeOf<WorkerProcess>('workers/worker-process.js', 'WorkerProcess');
const handoffs = await prototypeOf<Handoff>('workers/handoff.js', 'Handoff');
const given = new WeakMap<Handoff, Given[]>();
const accepted: Given[] = [];
let receiver = 0;

const giveToWorker = workers.give;
workers.give = function give(connection) {
  receiver = this.process.pid ?? 0;
  return giveToWorker.call(this, connection);
};
const giveOver = handoffs.give;
handoffs.give = function give(connection) {
  const done = giveOver.call(this, connection);
  if (done) listOf(this).push({ url: urlOf(connection), pid: receiver });
  return done;
};
const { onAccepted } = handoffs;
handoffs.onAccepted = function confirm(payload) {
  const confirmation = onAccepted.call(this, payload);
  if (confirmation.kind === 'ok') accepted.push(...listOf(this).splice(0, confirmation.acceptedCount));
  return confirmation;
};
const { retract } = handoffs;
handoffs.retract = function takeSome() {
  const back = retract.call(this);
  const urls = new Set(back.map(urlOf));
  given.set(
    this,
    listOf(this).filter(({ url }) => !urls.has(url)),
  );
  return back;
};

// What a dead worker had claimed is its own, though it had not confirmed it yet.
const { takeBack } = handoffs;
handoffs.takeBack = function takeAll() {
  const taken = takeBack.call(this);
  accepted.push(...listOf(this).splice(0, taken.acceptedCount));
  return taken;
};

export const commands: Commands = {
  /** Each connection that was accepted so far, by the path of its first request, and the process that has it. */
  accepted: () => accepted,
};

function urlOf({ head }: { head: string }): string {
  return head.split(' ')[1] ?? '';
}

function listOf(handoff: Handoff): Given[] {
  const list = given.get(handoff) ?? [];
  given.set(handoff, list);
  return list;
}

async function prototypeOf<T>(file: string, name: string): Promise<T> {
  const module = (await import(new URL(file, base).href)) as Record<string, { prototype: T }>;
  const found = module[name];
  if (found === undefined) throw new Error(`${file} has no ${name}`);
  return found.prototype;
}
