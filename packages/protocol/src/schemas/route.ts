// A route of the control API: what it is called, what it takes and gives, what carries it out.
import type * as z from './zod.js';
import { VhostError } from '../errors.js';
import { decode } from './decode.js';

/** One request for a route. */
export interface RouteCall<Body> {
  /** The variable parts of the path by name, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Says how far it is: any JSON value. False where it was dropped. Never throws. */
  readonly progress: (value: unknown) => boolean;
}

export interface Route<Target> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Such as `/sites/:siteId/pause`. */
  readonly path: string;
  readonly summary: string;
  readonly request: z.ZodType;
  readonly response: z.ZodType;
  /** It has no end of its own: what it tells meanwhile is the answer. Default false. */
  readonly streams?: true;
  /** The answer as text, for who does not ask for JSON. Default: there is none. */
  readonly text?: { readonly type: string; of(answer: unknown): string };
  /** Decodes the body and carries the request out. @throws {VhostError} ERR_CONTROL_REQUEST, or what it throws. */
  run(target: Target, call: RouteCall<unknown>): unknown;
}

/** Makes the routes of a target, with bodies and answers typed by their schemas. */
export function routeOf<Target>() {
  return <Request extends z.ZodType, Response extends z.ZodType>(
    route: Omit<Route<Target>, 'request' | 'response' | 'run'> & {
      request: Request;
      response: Response;
      run(target: Target, call: RouteCall<z.infer<Request>>): z.infer<Response> | Promise<z.infer<Response>>;
    },
  ): Route<Target> => ({
    ...route,
    run: (target, call) =>
      route.run(target, {
        ...call,
        body: decode(route.request, call.body ?? {}, 'body', 'ERR_CONTROL_REQUEST'),
      }),
  });
}

/** The route that a request means, with the variable parts of its path; else the methods that the path has. */
export function findRoute<Target>(
  routes: readonly Route<Target>[],
  method: string,
  path: string,
): { route: Route<Target>; params: Record<string, string> } | { allowed: string[] } {
  const allowed: string[] = [];
  for (const route of routes) {
    const params = matchPath(route.path, path);
    if (params === undefined) continue;
    if (route.method === method) return { route, params };
    allowed.push(route.method);
  }
  return { allowed };
}

/** Why there is no such route. */
export function noRoute(method: string, path: string, allowed: readonly string[]): VhostError {
  const what = `${method} ${path.slice(0, 100)}`;
  if (allowed.length === 0) {
    return new VhostError(
      'ERR_CONTROL_ROUTE',
      `the control API has no ${what}; docs/control-api.md lists what it has`,
    );
  }
  const message = `the control API has no ${what}; that path takes ${allowed.join(', ')}`;
  return new VhostError('ERR_CONTROL_METHOD', message, { info: { allowed: [...allowed] } });
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (!part.startsWith(':')) {
      if (part !== value) return undefined;
      continue;
    }
    const decoded = decodePart(value);
    if (decoded === undefined || decoded === '') return undefined;
    params[part.slice(1)] = decoded;
  }
  return params;
}

function decodePart(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
