import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usageError } from './usage-error.js';

void test('what is wrong with a value names the argument or the option, in the words of the command', () => {
  assert.equal(
    usageError("error: command-argument value '0' is invalid for argument 'workers'. It is none.\n"),
    "vhostd: workers '0' is invalid. It is none.\n",
  );
  assert.equal(
    usageError("error: option '-n, --workers <count>' argument 'x' is invalid. It is none.\n"),
    "vhostd: --workers 'x' is invalid. It is none.\n",
  );
  assert.equal(usageError("error: unknown command 'x'\n"), "vhostd: unknown command 'x'\n");
});

void test('an option of PM2 is answered with what it is called here', () => {
  assert.equal(
    usageError("error: unknown option '-i'\n"),
    "vhostd: unknown option '-i'; what PM2 calls so is here: -n COUNT, or -n max\n",
  );
  assert.match(
    usageError("error: unknown option '--env-file'\n"),
    /; that is one of Node itself, wherever it stands: here it is --envfile FILE\n$/,
  );
  assert.equal(usageError("error: unknown option '--what'\n"), "vhostd: unknown option '--what'\n");
});

void test('what was typed cannot steer the terminal', () => {
  assert.ok(!usageError("error: unknown option '--\u001b[31m'\n").includes('\u001b'));
});

void test('where an argument is missing, what there is to type stands below', () => {
  assert.equal(
    usageError("error: missing required argument 'workers'\n", 'vhostd scale <site> <workers>'),
    "vhostd: missing required argument 'workers'\n  vhostd scale <site> <workers>\n",
  );
  assert.equal(usageError("error: unknown option '--x'\n", 'vhostd run'), "vhostd: unknown option '--x'\n");
});
