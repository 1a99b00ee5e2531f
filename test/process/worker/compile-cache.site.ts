// Answers what it, and a program that it starts, see of the compile cache. `/flush`: once that has been written.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import module from 'node:module';

/** What the site tells. */
export interface SeenCache {
  /** Where Node keeps what it compiles; absent: nowhere. */
  directory?: string;
  own?: string;
  childs: string;
}

createServer((request, response) => {
  const call = (name: string): unknown => {
    const method: unknown = Reflect.get(module, name);
    return typeof method === 'function' ? Reflect.apply(method, module, []) : undefined;
  };
  if (request.url === '/flush') call('flushCompileCache');
  const directory = call('getCompileCacheDir');
  const print = 'process.stdout.write(String(process.env.NODE_COMPILE_CACHE))';
  const own = process.env['NODE_COMPILE_CACHE'];
  const seen: SeenCache = {
    ...(typeof directory === 'string' ? { directory } : {}),
    ...(own === undefined ? {} : { own }),
    childs: execFileSync(process.execPath, ['-e', print], { encoding: 'utf8' }),
  };
  response.end(JSON.stringify(seen));
}).listen(80);
