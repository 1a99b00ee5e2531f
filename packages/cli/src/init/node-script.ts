// Scripts of a package.json that are Node with a file: what `npm start` as a workerFile stands for.

/** Whether it is one, perhaps with variables in front; not what a shell would have to understand. */
export function isScriptOfNode(script: unknown): script is string {
  return typeof script === 'string' && !OF_SHELL.test(script) && OF_NODE.test(script);
}

/** What a shell would have to understand. */
export const OF_SHELL: RegExp = /[|&;<>$`"'\\*?()]/u;
const OF_NODE = /^\s*(?:cross-env\s+)?(?:[A-Za-z_]\w*=\S*\s+)*node\s/u;
