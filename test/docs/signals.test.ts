// docs/signals.md against the code: exit codes, and which of them forbid another try.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT_CODES } from '@vhostd/daemon';
import { tables } from './markdown.js';
import { readDoc } from './sources.js';

const SIGNALS = readDoc('docs/signals.md');

void test('docs/signals.md lists exactly the exit codes that there are, and who must not try again', () => {
  const rows = tables(SIGNALS).find(({ head }) => head[0] === 'Code')?.rows ?? [];
  const named = rows.map(([code = '', name = '']) => [name.replaceAll('`', ''), Number(code)]);
  assert.deepEqual(Object.fromEntries(named), EXIT_CODES);
  const hopeless = rows.filter((row) => row[4] === 'no').map(([code]) => code);
  assert.equal(/RestartPreventExitStatus=([\d ]+)`/.exec(SIGNALS)?.[1], hopeless.join(' '));
  assert.match(
    readDoc('examples/vhostd.service'),
    new RegExp(`^RestartPreventExitStatus=${hopeless.join(' ')}$`, 'm'),
  );
  assert.match(readDoc('docs/systemd.md'), new RegExp(`RestartPreventExitStatus=${hopeless.join(' ')}\``));
  assert.match(readDoc('docs/cli.md'), new RegExp(`RestartPreventExitStatus=${hopeless.join(' ')}\``));
});
