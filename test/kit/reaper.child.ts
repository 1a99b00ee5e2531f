// Kills all processes with marks that begin like its argument, once the test that started it has ended, however.
import { killMarked } from './processes.js';

const [mark = ''] = process.argv.slice(2);
process.stdin.on('end', () => killMarked(mark)).resume();
