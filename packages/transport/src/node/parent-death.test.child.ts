// A process that is stopped when its parent ends: it asks for what makes it run again then, and says so by ending.
import { nativeCalls } from './native-calls.js';

nativeCalls()?.goOnWithoutParent();
// It keeps the process until it runs again. It may be stopped as soon as it has said which one it is.
process.on('SIGCONT', () => process.exit());
setInterval(() => undefined, 1000);
process.stdout.write(`${process.pid}\n`);
