// The parts of a Markdown text that a test can hold against something.

/** A fenced code block. */
export interface CodeBlock {
  language: string;
  code: string;
  /** The file that the line above names: a line of nothing but `` `path`: ``. */
  file: string | undefined;
}

/** Every fenced block, in order. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const pattern = /(?:^`([^`\n]+)`:\n\n)?^```(\w*)\n([\s\S]*?)^```$/gm;
  return [...markdown.matchAll(pattern)].map(([, file, language = '', code = '']) => ({
    file,
    language,
    code,
  }));
}

/** Targets of links, without those that lead to another host. */
export function localLinks(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a text's headings, as GitHub makes them. */
export function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

/** Every table: its head and its rows, as their cells. */
export function tables(markdown: string): { head: string[]; rows: string[][] }[] {
  return [...markdown.matchAll(/(?:^\|.*\|\n)+/gm)].map(([text]) => {
    const [head = [], , ...rows] = text
      .trim()
      .split('\n')
      .map((line) =>
        line
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    return { head, rows };
  });
}

/** What a reader sees of a cell: without the targets of links, and without the marks of code. */
export function shown(cell: string): string {
  return cell
    .replace(/\[((?:[^[\]]|\[\])*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll('\\|', '|');
}
