// Servers of nginx that send clients on to https: what certbot writes, and what people write by hand.
import type { Directive } from './nginx-syntax.js';

/**
 * The directive by which a server sends all requests on to the same host by https; undefined where it does not, or not for
 * all. `names` are its hosts. Pure.
 */
export function httpsRedirectOf(
  block: readonly Directive[],
  names: readonly string[],
): Directive | undefined {
  for (const directive of block) {
    const { name, args, block: inner = [] } = directive;
    if (sendsOn(directive, names)) return directive;
    // `if ($host = a.test) { return 301 https://$host$request_uri; }` of certbot, with a 404 for others behind it.
    const ofHost = name === 'if' && /^\(?\$(?:host|server_name|http_host)$/.test(args[0] ?? '');
    const ofAll = name === 'location' && args.length === 1 && args[0] === '/';
    const found = ofHost || ofAll ? inner.find((each) => sendsOn(each, names)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function sendsOn({ name, args }: Directive, names: readonly string[]): boolean {
  const isReturn = name === 'return' && /^30[1278]$/.test(args[0] ?? '');
  const isRewrite =
    name === 'rewrite' && args[0]?.startsWith('^') === true && /^(?:permanent|redirect)$/.test(args[2] ?? '');
  const [, host = ''] =
    /^https:\/\/(.+?)(?::443)?(?:\$request_uri|\$uri\$is_args\$args|\$1|\/\$1)\??$/.exec(
      isReturn || isRewrite ? (args[1] ?? '') : '',
    ) ?? [];
  const [only] = names;
  return /^\$(?:host|server_name|http_host)$/.test(host) || (names.length === 1 && host === only);
}
