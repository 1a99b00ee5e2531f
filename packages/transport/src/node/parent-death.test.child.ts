// A process that is stopped when its parent ends: it asks for what makes it run again then, and says so by ending.
import { nativeCalls } from './native-calls.js';

nativeCalls()?.goOnWithoutParent();
process.stdout.write(`${process.pid}\n`);
// It keeps the process until it runs again.
process.on('SIGCONT', () => process.exit());
setInterval(() => undefined, 1000);
