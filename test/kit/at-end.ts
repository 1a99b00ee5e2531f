// What a test has begun ends with it: the last first, and all of it.
import type { TestContext } from 'node:test';

const stacks = new WeakMap<TestContext, (() => unknown)[]>();

/**
 * Runs `end` when the test has ended, before whatever was given earlier: a server ends before its directory goes, and
 * a client before its server. (Hooks of `t.after` run the earliest first, and none behind one that fails, which leaves
 * processes that nobody ends.) All are run; what they reject with is the test's failure.
 */
export function atEnd(t: TestContext, end: () => unknown): void {
  const known = stacks.get(t);
  if (known !== undefined) {
    known.push(end);
    return;
  }
  const stack = [end];
  stacks.set(t, stack);
  t.after(async () => {
    const errors: unknown[] = [];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      try {
        await next();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('; '));
    if (errors.length === 1) throw errors[0];
  });
}
