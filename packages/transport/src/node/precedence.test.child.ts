// Raises itself, starts a program, and tells what each has then.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { setSessionPriority, takePrecedence } from './precedence.js';

const [before = '0'] = process.argv.slice(2);
setPriority(Number(before));
const raised = takePrecedence();
const { stdout } = spawn('nice', { stdio: ['ignore', 'pipe', 'ignore'] });
const ofChild = Number(await text(stdout));
const leader = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
setSessionPriority(leader, 7);
const [ofSession, ofLeaders] = ['self', `${leader.pid}`].map((pid) => {
  const { stdout: line } = spawnSync('cat', [`/proc/${pid}/autogroup`], { encoding: 'utf8' });
  return /nice (?<nice>-?\d+)/.exec(line)?.groups?.['nice'];
});
leader.kill();
await once(leader, 'exit');
process.stdout.write(JSON.stringify({ raised, own: getPriority(), ofChild, ofSession, ofLeaders }));
