// What becomes of a connection that a worker has handed back. Of each both processes hold a descriptor until the
// answer: whoever is left when the other one dies goes on with it.

/** The answer to a hand-back: [number, 4 bytes][1 when it was taken, 1 byte]. Each is answered, in order. */
export interface HandBackAnswer {
  number: number;
  /** True: the master has it, the worker closes its descriptor. False: the worker keeps it. */
  taken: boolean;
}

const NUMBER_BYTES = 4;
const ANSWER_BYTES = 5;

export function encodeHandBackAnswer({ number, taken }: HandBackAnswer): string {
  return encodeNumber(number) + String.fromCharCode(taken ? 1 : 0);
}

/** The content of a `handBackAnswer` frame, or `undefined` when it is none. */
export function decodeHandBackAnswer(payload: Buffer): HandBackAnswer | undefined {
  const flag = payload[NUMBER_BYTES];
  if (payload.length !== ANSWER_BYTES || flag === undefined || flag > 1) return undefined;
  return { number: payload.readUInt32BE(0), taken: flag === 1 };
}

function encodeNumber(number: number): string {
  return String.fromCharCode(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255);
}
