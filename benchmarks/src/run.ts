// Answers the questions named as arguments, or all: `pnpm bench [QUESTION …] [--rounds N] [--seconds N]`; with
// `--against COMMIT` also, or only, how that commit's build compares.
import { parseArgs } from 'node:util';
import { chooseGenerator } from './load/choose-generator.js';
import { describeMachine } from './measure/machine.js';
import { formatRow, isMet } from './measure/report.js';
import { accessLog } from './questions/access-log.js';
import { against } from './questions/against.js';
import { handBack } from './questions/hand-back.js';
import { hostCheck } from './questions/host-check.js';
import { idleConnections } from './questions/idle-connections.js';
import { keepAlive } from './questions/keep-alive.js';
import { metrics } from './questions/metrics.js';
import { newConnections } from './questions/new-connections.js';
import { peers } from './questions/peers.js';
import type { Question } from './questions/question.js';
import { routeLookUp } from './questions/route-look-up.js';
import { scale } from './questions/scale.js';
import { tls } from './questions/tls.js';
import { survival } from './questions/survival.js';
import { endAllWhenInterrupted } from './servers/endings.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    against: { type: 'string' },
  },
});
const QUESTIONS: Readonly<Record<string, Question>> = {
  'keep-alive': keepAlive,
  'host-check': hostCheck,
  'hand-back': handBack,
  'access-log': accessLog,
  metrics,
  'new-connections': newConnections,
  'idle-connections': idleConnections,
  tls,
  'route-look-up': routeLookUp,
  scale,
  peers,
  survival,
  ...(values.against === undefined ? {} : { against: against(values.against) }),
};

const asked = values.against === undefined ? positionals : [...positionals, 'against'];
const names = asked.length === 0 ? Object.keys(QUESTIONS) : asked;
const unknown = names.filter((name) => QUESTIONS[name] === undefined);
if (unknown.length > 0) {
  console.error(
    `there is no question ${unknown.join(', ')}; there are: ${Object.keys(QUESTIONS).join(', ')}`,
  );
  process.exit(1);
}
endAllWhenInterrupted();
const generator = await chooseGenerator();
const effort = { generator, rounds: Number(values.rounds), durationMs: Number(values.seconds) * 1000 };
for (const line of await describeMachine()) console.log(line);
console.log(`load     ${generator.name}`);
console.log(
  `rounds   ${effort.rounds} interleaved, ${values.seconds} s each; medians (lowest to highest round)`,
);
let missed = 0;
for (const name of names) {
  const question = QUESTIONS[name];
  if (question === undefined) continue;
  console.log(`\n${name}: ${question.title}`);
  for (const row of await question.answer(effort)) {
    console.log(formatRow(row));
    if (!isMet(row)) missed += 1;
  }
}
console.log(missed === 0 ? '\nevery target that was measured is met' : `\n${missed} missed`);
process.exitCode = missed === 0 ? 0 : 1;
