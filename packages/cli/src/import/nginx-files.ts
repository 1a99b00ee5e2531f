// A conf of nginx with all that it includes.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import { parseNginx } from './nginx-syntax.js';
import type { Directive } from './nginx-syntax.js';

/**
 * Its directives, each `include` replaced by what stands there; one that can't be read stays as it is.
 * @throws {VhostError} ERR_IMPORT_SYNTAX
 */
export function readNginx(file: string, text: string): Directive[] {
  const root = path.dirname(file);
  const expand = (directives: readonly Directive[], depth: number): Directive[] =>
    directives.flatMap((directive): Directive[] => {
      const { name, args, block } = directive;
      if (name !== 'include' || block !== undefined) {
        return [block === undefined ? directive : { ...directive, block: expand(block, depth) }];
      }
      if (depth >= MAX_INCLUDE_DEPTH) {
        throw new VhostError('ERR_IMPORT_SYNTAX', `${file}: files include each other, at ${args.join(' ')}`, {
          info: { file, line: directive.line },
        });
      }
      const files = matching(path.resolve(root, args[0] ?? ''));
      const texts = files?.map((each) => [each, textOf(each)] as const);
      if (texts === undefined || texts.some(([, content]) => content === undefined)) return [directive];
      return texts.flatMap(([each, content = '']) => expand(parseNginx(content, each), depth + 1));
    });
  return expand(parseNginx(text, file), 0);
}

/** The files that a path with `*` and `?` in its last part names, in order; undefined where its directory can't be read. */
function matching(pattern: string): string[] | undefined {
  const name = path.basename(pattern);
  if (!/[*?]/.test(name)) return [pattern];
  const parts = name
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const wanted = new RegExp(`^(?!\\.)${parts}$`);
  const directory = path.dirname(pattern);
  try {
    const names = readdirSync(directory).filter((each) => wanted.test(each));
    return names.toSorted().map((each) => path.join(directory, each));
  } catch {
    return undefined;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

const MAX_INCLUDE_DEPTH = 10;
