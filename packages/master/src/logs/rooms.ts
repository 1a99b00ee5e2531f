// Memory that what workers print passes through, used again and again: of buffers that are only used once, V8 lets 64 MB
// gather before it frees them.

/** Room for so many bytes at least, with whatever was in it before. */
export function takeRoom(bytes: number): Buffer {
  if (bytes > ROOM_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return spare.pop() ?? Buffer.allocUnsafeSlow(ROOM_BYTES);
}

/** Gives back what {@link takeRoom} gave: nobody reads it any more. */
export function giveRoom(room: Buffer): void {
  if (room.length === ROOM_BYTES && spare.length < SPARE_MAX_COUNT) spare.push(room);
}

/** What a pipe holds, or the longest line, with what is put before it and its newline. */
const ROOM_BYTES = 69_632;
const SPARE_MAX_COUNT = 48;
const spare: Buffer[] = [];
