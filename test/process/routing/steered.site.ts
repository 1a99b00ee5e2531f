// The echo site, which changes its conf when the master tells it to.
import { setTimeout as delay } from 'node:timers/promises';
import worker from '@vhostd/worker';
import type { UpdateResult } from '@vhostd/worker';
import '../../kit/echo.site.js';
import type { FlipOrder, UpdateOrder, UpdateOutcome } from './update-messages.js';

worker.onMasterCall('update', async (params) => {
  const { update, form } = params as UpdateOrder;
  if (form === 'promise') return await outcomeOf(worker.updateServerConf(update));
  return await new Promise<UpdateOutcome>((resolve) => {
    worker.updateServerConf(update, (error, result) => {
      resolve(error === null ? { listening: result?.listening ?? [] } : refusal(error));
    });
  });
});

/** One update after the other, for so long, this one and that one in turn. */
worker.onMasterCall('flip', async (params) => {
  const { updates, everyMs, forMs } = params as FlipOrder;
  const endMs = performance.now() + forMs;
  let count = 0;
  let failures = 0;
  while (performance.now() < endMs) {
    const startedMs = performance.now();
    const outcome = await outcomeOf(worker.updateServerConf(updates[count % 2] ?? {}));
    if ('error' in outcome) failures += 1;
    count += 1;
    await delay(Math.max(0, everyMs - (performance.now() - startedMs)));
  }
  return { count, failures };
});

/** Many at once, the last of them this one. */
worker.onMasterCall('flood', async (params) => {
  const { updates, count } = params as { updates: UpdateOrder['update'][]; count: number };
  const results = await Promise.allSettled(
    Array.from({ length: count }, (_, at) =>
      worker.updateServerConf(updates[(count - 1 - at) % updates.length] ?? {}),
    ),
  );
  return { refused: results.filter(({ status }) => status === 'rejected').length };
});

async function outcomeOf(update: Promise<UpdateResult>): Promise<UpdateOutcome> {
  return await update.then(
    ({ listening }) => ({ listening }),
    (error: unknown) => refusal(error),
  );
}

function refusal(thrown: unknown): UpdateOutcome {
  const error = thrown as Error & { code?: string; info?: Record<string, unknown> };
  return {
    error: {
      isError: thrown instanceof Error,
      code: error.code ?? '',
      message: error.message,
      info: error.info ?? {},
      stack: error.stack ?? '',
    },
  };
}
