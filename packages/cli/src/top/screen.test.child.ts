// Takes the terminal, shows something, and fails as the argument says.
import { Screen } from './screen.js';

const screen = new Screen(process.stdin, process.stdout, false);
screen.open();
screen.draw([{ text: 'shown', style: 'plain' }]);
if (process.argv[2] === 'suspends') {
  screen.suspend();
  screen.draw([{ text: 'shown again', style: 'plain' }]);
  process.exit(0);
}
const error = new Error('as the test asked');
if (process.argv[2] === 'rejects') void Promise.reject(error);
else
  setImmediate(() => {
    throw error;
  });
