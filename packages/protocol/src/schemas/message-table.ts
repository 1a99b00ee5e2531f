// The messages of one direction as a table of schemas, and the types and handlers that follow from it.
import type * as z from './zod.js';
import { decode } from './decode.js';

/** Of each message its params and its result. */
export type MessageTable = Readonly<Record<string, { params: z.ZodType; result: z.ZodType }>>;

/** The types of a table's messages. */
export type MessageTypes<Table extends MessageTable> = {
  [Method in keyof Table]: {
    params: z.infer<Table[Method]['params']>;
    result: z.infer<Table[Method]['result']>;
  };
};

/**
 * Decodes the params of a message before `handler` gets them. What they may not be is answered with
 * ERR_MESSAGE_INVALID; a handle that came along is closed then.
 */
export function decoding<
  Table extends MessageTable,
  Method extends keyof Table & string,
  Context extends { handle: { close(): void } | undefined },
  Result,
>(
  table: Table,
  method: Method,
  handler: (params: z.infer<Table[Method]['params']>, context: Context) => Result,
): (params: unknown, context: Context) => Result {
  const schema: Table[Method]['params'] | undefined = table[method]?.params;
  return (params, context) => {
    let decoded: z.infer<Table[Method]['params']>;
    try {
      if (schema === undefined) throw new TypeError(`no schema for '${method}'`);
      decoded = decode(schema, params, method);
    } catch (error) {
      context.handle?.close();
      throw error;
    }
    return handler(decoded, context);
  };
}
