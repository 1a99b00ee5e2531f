// Where `proxy_pass` of nginx leads: to ports of this machine, or elsewhere.
import type { Remark } from './draft.js';
import { adviceFor } from './nginx-advice.js';
import type { Directive } from './nginx-syntax.js';

/** The ports of this machine that a target of `proxy_pass` means. What is left is said in `remarks`. Pure. */
export function portsOfTarget(
  target: string,
  upstreams: ReadonlyMap<string, readonly Directive[]>,
  remarks: Remark[],
): number[] {
  const { host = '', port } = TARGET.exec(target)?.groups ?? {};
  const upstream = upstreams.get(host);
  const servers =
    upstream === undefined
      ? [port === undefined ? host : `${host}:${port}`]
      : upstream.filter(({ name }) => name === 'server').map(({ args }) => args[0] ?? '');
  const ports = servers.flatMap((server): number[] => {
    const { name = '', number } = /^(?<name>.*?)(?::(?<number>\d+))?$/.exec(server)?.groups ?? {};
    if (number === undefined) return [];
    if (LOCAL.test(name)) return [Number(number)];
    remarks.push({
      field: `${upstream === undefined ? 'proxy_pass' : `upstream ${host}: server`} ${server}`,
      todo: `another machine: keep nginx for it; is it this one, write 127.0.0.1:${number} and import it again`,
    });
    return [];
  });
  if (ports.length === 0) {
    remarks.push({
      field: `proxy_pass ${target}`,
      todo: 'set path to the directory of the app that it meant',
    });
    return [];
  }
  remarks.push({ field: `proxy_pass ${target}`, taken: `the app at port ${ports.join(', ')}` });
  for (const { name, args } of upstream ?? []) {
    if (name !== 'server') {
      remarks.push({ field: `upstream ${host}: ${[name, ...args].join(' ')}`, todo: adviceFor({ name }) });
    } else if (args.length > 1) {
      const field = `upstream ${host}: server ${args.join(' ')}`;
      remarks.push({ field, todo: 'leave it out: the workers of a site are equals, and watched' });
    }
  }
  return ports;
}

/** What stands behind the address: a path. Pure. */
export function pathOfTarget(target: string): string {
  return TARGET.exec(target)?.groups?.['rest'] ?? '';
}

const TARGET = /^https?:\/\/(?<host>[^/:]+|\[[^\]]+\])(?::(?<port>\d+))?(?<rest>\/.*)?$/;
const LOCAL = /^(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/;
