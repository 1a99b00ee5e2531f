import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./screen.test.child.js', import.meta.url));
const skip =
  spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0
    ? false
    : 'script, which makes a terminal, is not installed: apt-get install bsdutils';

void describe('a screen', { skip }, () => {
  for (const how of ['throws', 'rejects']) {
    void it(`is left as it was where the program ${how}, and then shows why`, () => {
      const command = `'${process.execPath}' '${CHILD}' ${how}; stty -a`;
      const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
        encoding: 'utf8',
        env: { ...process.env, SHELL: '/bin/sh' },
      });
      const [taken, left, why] = ['\u{1b}[?1049h', '\u{1b}[?1049l', 'Error: as the test asked'].map((text) =>
        stdout.indexOf(text),
      );
      assert.ok(taken !== undefined && left !== undefined && why !== undefined);
      assert.ok(taken !== -1 && taken < left && left < why, JSON.stringify(stdout));
      assert.ok(stdout.includes('\u{1b}[?25h'));
      assert.match(stdout, / icanon .* echo /s);
    });
  }

  void it('is left to the shell while the program is suspended, and shown again after fg', () => {
    const command = `set -m; '${process.execPath}' '${CHILD}' suspends; stty -a; fg; stty -a`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, SHELL: '/bin/sh' },
    });
    // Without the escape characters.
    const shown = stdout.replaceAll('\u{1b}', '');
    assert.match(
      shown,
      /\[\?1049h.*shown.*\[\?1049l.* icanon .* echo .*\[\?1049h.*shown again.*\[\?1049l.* icanon .* echo /su,
    );
  });
});
