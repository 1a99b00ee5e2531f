// Kills all processes with a mark, its argument, once the test that started it has ended, however that ended.
import { killMarked } from './marked.js';

const [mark = ''] = process.argv.slice(2);
process.stdin.on('end', () => killMarked(mark)).resume();
