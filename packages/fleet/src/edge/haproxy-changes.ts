// What leads from what HAProxy has to what it is to have: commands of the runtime API, or a new start. Pure.
import { exactHosts, serverWords } from './haproxy-files.js';
import type { Plan } from './haproxy-plan.js';
import type { RunningServer } from './haproxy-runtime.js';

/** What a process of HAProxy has. */
export interface Running {
  readonly backends: ReadonlySet<string>;
  readonly servers: ReadonlyMap<string, ReadonlyMap<string, RunningServer>>;
  maps: { readonly http: ReadonlyMap<string, string>; readonly tls: ReadonlyMap<string, string> };
}

export interface Changes {
  /** A backend is missing, which only a new process can have. */
  readonly reload: boolean;
  /** Clients are led as planned; at most there is something left to remove that gets nobody. */
  readonly settled: boolean;
  readonly commands: readonly string[];
  /** The backends that commands are about. */
  readonly touched: readonly string[];
}

export function changesOf(plan: Plan, running: Running, dir: string): Changes {
  const wanted = [...plan.checks, ...plan.backends];
  const reload = wanted.some(({ name }) => !running.backends.has(name));
  const commands: string[] = [];
  const touched = new Set<string>();
  const present = plan.backends.filter(({ name }) => running.backends.has(name));
  for (const { name, servers } of present) {
    const before = commands.length;
    const known = running.servers.get(name);
    for (const server of servers) {
      const id = `${name}/${server.name}`;
      const found = known?.get(server.name);
      if (found === undefined) {
        // Nobody was led to it by this process.
        if (server.drain || !running.backends.has(server.track.split('/')[0] ?? '')) continue;
        commands.push(`add server ${id} ${serverWords(server)}`, `enable server ${id}`);
        continue;
      }
      if (server.drain && !found.drain) commands.push(`set server ${id} state drain`);
      if (!server.drain && (found.drain || found.maint)) commands.push(`set server ${id} state ready`);
      if (found.weight !== server.weight) commands.push(`set server ${id} weight ${server.weight}`);
    }
    if (commands.length > before) touched.add(name);
  }
  let isLedTo = false;
  let removalCount = 0;
  const byName = new Map(
    plan.backends.map((backend) => [backend.name, new Set(backend.servers.map(({ name }) => name))]),
  );
  for (const [backend, servers] of running.servers) {
    if (!/^(?:http|tls):/.test(backend)) continue;
    for (const [name, { maint }] of servers) {
      if (byName.get(backend)?.has(name) === true) continue;
      commands.push(`set server ${backend}/${name} state maint`, `del server ${backend}/${name}`);
      touched.add(backend);
      removalCount += 2;
      isLedTo ||= !maint;
    }
  }
  for (const kind of ['http', 'tls'] as const) {
    const file = `${dir}/${kind}.map`;
    const hosts = exactHosts(plan, kind);
    for (const [host, backend] of hosts) {
      if (!running.maps[kind].has(host) && running.backends.has(backend))
        commands.push(`add map ${file} ${host} ${backend}`);
    }
    for (const host of running.maps[kind].keys())
      if (!hosts.has(host)) commands.push(`del map ${file} ${host}`);
  }
  const settled = !reload && !isLedTo && commands.length === removalCount;
  return { reload, settled, commands, touched: [...touched] };
}
