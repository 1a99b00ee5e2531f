// `vhostd completion`: what shells complete with its scripts.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Workspace } from '../cli.test.kit.js';

const COMMAND = fileURLToPath(new URL('../../bin/vhostd.js', import.meta.url));

let workspace: Workspace;
before(async () => {
  workspace = new Workspace();
  // The command as shells find it.
  workspace.write('bin/vhostd', `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`);
  chmodSync(path.join(workspace.directory, 'bin/vhostd'), 0o755);
  for (const name of ['shop', 'show']) {
    workspace.write(
      `${name}/server.cjs`,
      `require('node:http').createServer((_, response) => response.end()).listen(80)`,
    );
  }
  workspace.write('two words.json', '{}');
  workspace.conf(['shop', 'show'].map((siteId) => ({ siteId, port: 0 })));
  await workspace.daemon('--log-level', 'silent');
});
after(() => workspace.clear());

/** What is typed, with the cursor at its end → what is offered. */
const CASES: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ['vhostd res', ['restart', 'resume']],
  ['vhostd reload --j', ['--json']],
  ['vhostd status --fail-on ', ['degraded', 'errored']],
  ['vhostd reload --run-dir RUN sh', ['shop', 'show']],
  ['vhostd logs --run-dir RUN show', ['show']],
  ['vhostd run --config two', ['two words.json']],
  ['vhostd check t', ['two words.json']],
  ['vhostd watch --no-r', ['--no-restart-on']],
  ['vhostd completion ba', ['bash']],
  ['vhostd help scal', ['scale']],
  ['vhostd reload show s', []],
  ['vhostd signal --run-dir RUN show SIGU', ['SIGUSR1', 'SIGUSR2']],
  ['vhostd scale --log-level error --run-dir RUN sh', ['shop', 'show']],
  ['vhostd start --run-dir RUN sh', ['shop', 'show']],
  ['vhostd watch -n s', ['success']],
  ['vhostd status --run-dir=ru', ['run']],
  ['vhostd status --run-dir=RUN sho', ['shop', 'show']],
  ['vhostd import two', ['two words.json']],
  ['vhostd import x two', ['two words.json']],
];

const BASH = `
source <(vhostd completion bash)
while IFS= read -r typed; do
  COMP_WORDS=(\${typed//=/ = }); [[ $typed == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _vhostd
  printf '%s|' "\${COMPREPLY[@]}"; echo
done`;

const FISH = `
source (vhostd completion fish | psub)
while read -l typed
  for offer in (complete -C $typed)
    string replace -r '\\\\t.*' '|' -- $offer
    string match -q -r '\\\\t' -- $offer; or echo '|'
  end | string join ''
  echo ';'
end`;

/** Completes in a terminal of its own, and notes what was offered instead of showing it. */
const ZSH = `
zmodload zsh/zpty; setopt extended_glob
zpty shell zsh -f -i
zpty -w shell "PS1= ; autoload -Uz compinit; compinit -u -D; source <(vhostd completion zsh)"
zpty -w shell 'compadd() { local -a found; builtin compadd -O found "$@"; print -rl -- $found >>|offered; builtin compadd "$@" }'
zpty -w shell 'typed() { print -n "" >|offered; }; zle -N typed; bindkey "^X" typed; finish() { print -r >>|done; zle kill-whole-line }; zle -N finish; bindkey "^G" finish; zstyle ":completion:*" list-prompt ""; setopt no_list_beep no_always_last_prompt'
while IFS= read -r typed; do
  rm -f done
  zpty -n -w shell $'\\x18'"$typed"$'\\t\\x07'
  repeat 600; do [[ -e done ]] && break; sleep 0.05; done
  print -r -- "$(sort -u offered | tr '\\n' '|')"
done
while zpty -r -t shell told; do [[ $told == *_[a-z_]##:[0-9]*:* ]] && print -ru2 -- "$told"; done
zpty -d shell`;

void describe('vhostd completion', () => {
  for (const [shell, args, script] of [
    ['bash', ['--norc', '-c'], BASH],
    ['fish', ['--no-config', '-c'], FISH],
    ['zsh', ['-f', '-c'], ZSH],
  ] as const) {
    const isHere = spawnSync(shell, ['--version']).status === 0;
    void it(`completes commands, options, values, files and sites in ${shell}`, { skip: !isHere }, () => {
      const typed = CASES.map(([line]) => line.replace('RUN', workspace.runDir));
      const { stdout, stderr } = spawnSync(shell, [...args, script], {
        cwd: workspace.directory,
        input: `${typed.join('\n')}\n`,
        encoding: 'utf8',
        env: {
          ...process.env,
          HOME: workspace.directory,
          TERM: 'dumb',
          PATH: `${workspace.directory}/bin:${process.env['PATH']}`,
        },
      });
      const offered = stdout.split(shell === 'fish' ? ';\n' : '\n').map(listed);
      const wanted = CASES.map(([line, words]) => [line, [...words]]);
      assert.deepEqual(
        CASES.map(([line], index) => [line, offered[index]]),
        wanted,
        stderr,
      );
      assert.equal(stderr, '', 'a script that complains spoils the line that is typed');
    });
  }

  void it('says which shells there are', async () => {
    const { code, stderr } = await workspace.run('completion', 'tcsh');
    assert.equal(code, 2);
    assert.match(stderr, /Allowed choices are bash, zsh, fish, sites\./);
  });

  void it('prints siteIds, and nothing on standard output where no daemon runs', async () => {
    assert.equal((await workspace.run('completion', 'sites')).stdout, 'shop\nshow\n');
    const { code, stdout } = await workspace.run(
      'completion',
      'sites',
      '--run-dir',
      path.join(workspace.directory, 'other'),
    );
    assert.deepEqual([code, stdout], [3, '']);
  });
});

/** Shells offer a word with a blank or slash behind it, quoted or not, with its option or not, in their own order. */
function listed(line: string): string[] {
  const words = line.split('|').map((word) => {
    const unquoted = word.replaceAll('\\ ', ' ').trim();
    return unquoted.replace(/^--run-dir=/u, '').replace(/\/$/u, '');
  });
  return [...new Set(words)].filter((word) => word !== '').toSorted();
}
