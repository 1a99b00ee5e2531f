// The syntax of nginx's configuration: directives, each with its words, some with a block.
import { VhostError } from '@vhostd/protocol';

export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** What stands in its braces; undefined where it ends with a semicolon. */
  readonly block: readonly Directive[] | undefined;
  readonly line: number;
}

/**
 * Pure. Quotes, backslashes and comments are as in ngx_conf_file.c; the blocks of Lua are not known.
 * @param file For messages.
 * @throws {VhostError} ERR_IMPORT_SYNTAX with `info: { file, line }`
 */
export function parseNginx(text: string, file: string): Directive[] {
  const tokens = tokensOf(text, file);
  let at = 0;
  const readBlock = (depth: number): Directive[] => {
    const directives: Directive[] = [];
    for (;;) {
      const words: string[] = [];
      const line = tokens[at]?.line ?? 0;
      let wordLine = line;
      for (let token = tokens[at]; token?.kind === 'word'; token = tokens[at]) {
        if (token.line > wordLine && STARTS.has(token.text) && words.length > 1) {
          throw syntaxError(file, wordLine, `';' is missing behind '${words.join(' ').slice(0, 60)}'`);
        }
        words.push(token.text);
        wordLine = token.line;
        at += 1;
      }
      const end = tokens[at];
      at += 1;
      if (end === undefined || end.kind === 'close') {
        if (words.length > 0) throw syntaxError(file, line, `'${words[0]}' does not end with ';'`);
        if ((end === undefined) !== (depth === 0)) {
          throw syntaxError(
            file,
            end?.line ?? lastLine(text),
            end === undefined ? "a '}' is missing" : "there is one '}' too many",
          );
        }
        return directives;
      }
      const [name, ...args] = words;
      if (name === undefined) throw syntaxError(file, end.line, `there is nothing before '${end.text}'`);
      if (depth >= MAX_DEPTH)
        throw syntaxError(file, end.line, `blocks are nested more than ${MAX_DEPTH} deep`);
      directives.push({ name, args, block: end.kind === 'open' ? readBlock(depth + 1) : undefined, line });
    }
  };
  return readBlock(0);
}

interface Token {
  readonly kind: 'word' | 'open' | 'close' | 'end';
  readonly text: string;
  readonly line: number;
}

/** Blanks and comments; a quoted word; one of `{};`; a word, in which `${name}` and escapes may stand. */
const TOKEN =
  /(?<skip>\s+|#[^\n]*)|"(?<double>(?:[^"\\]|\\[^])*)"|'(?<single>(?:[^'\\]|\\[^])*)'|(?<mark>[{};])|(?<word>(?:\$\{[^}]*\}|\\[^]|[^\s{};\\])+)/y;

function tokensOf(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  let line = 1;
  while (pattern.lastIndex < text.length) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null)
      throw syntaxError(file, line, `${JSON.stringify(text.slice(from, from + 20))} can't be read`);
    const { mark, double, single, word } = match.groups ?? {};
    const quoted = double ?? single;
    if (mark !== undefined) tokens.push({ kind: KINDS[mark] ?? 'end', text: mark, line });
    else if (quoted !== undefined)
      tokens.push({ kind: 'word', text: quoted.replaceAll(/\\(["'\\])/g, '$1'), line });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, line });
    line += match[0].split('\n').length - 1;
  }
  return tokens;
}

function syntaxError(file: string, line: number, reason: string): VhostError {
  return new VhostError('ERR_IMPORT_SYNTAX', `${file}:${line}: ${reason}`, { info: { file, line } });
}

function lastLine(text: string): number {
  return text.split('\n').length;
}

/** Words with which a line of a block begins, and no argument goes on. */
const STARTS: ReadonlySet<string> = new Set(
  `access_log add_header alias allow auth_basic auth_basic_user_file autoindex charset client_body_buffer_size
  client_max_body_size default_type deny error_log error_page expires gzip gzip_types if include index internal
  keepalive_timeout limit_conn limit_req listen location log_not_found proxy_buffering proxy_cache
  proxy_connect_timeout proxy_hide_header proxy_http_version proxy_pass proxy_read_timeout proxy_redirect
  proxy_send_timeout proxy_set_header resolver return rewrite root send_timeout sendfile server server_name server_tokens
  set ssl_certificate ssl_certificate_key ssl_ciphers ssl_dhparam ssl_prefer_server_ciphers ssl_protocols
  ssl_session_cache ssl_session_tickets ssl_session_timeout ssl_stapling ssl_stapling_verify ssl_trusted_certificate
  tcp_nodelay tcp_nopush try_files types upstream`.split(/\s+/),
);
const KINDS: Readonly<Record<string, Token['kind']>> = { '{': 'open', '}': 'close', ';': 'end' };
/** nginx itself has four levels or so; more is no conf of it. */
const MAX_DEPTH = 32;
