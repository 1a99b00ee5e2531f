// The kinds of value that messages are made of.
import * as z from './zod.js';

/** A whole number that is not negative. */
export const count = z.int().min(0);

/** A span or an amount: a finite number that is not negative. */
export const amount = z.number().min(0);

/** A process id. */
export const pid = z.int().min(1);

/** An error as it travels between processes. */
export const wireError = z.object({
  code: z.string(),
  message: z.string(),
  info: z.record(z.string(), z.unknown()).exactOptional(),
  stack: z.string().exactOptional(),
});
