// A question that the benchmarks answer, and what answering it takes.
import type { LoadGenerator } from '../load/load-plan.js';
import type { Row } from '../measure/report.js';

/** How long and how often is measured. */
export interface Effort {
  generator: LoadGenerator;
  rounds: number;
  /** Of one contender in one round, ms. */
  durationMs: number;
}

export interface Question {
  readonly title: string;
  answer(effort: Effort): Promise<Row[]>;
}
