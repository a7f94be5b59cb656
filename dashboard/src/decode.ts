// src/decode.ts - position frames of the WebSocket: a head of 12 bytes, then 12 for each device.

export const HEAD_BYTES = 12;
export const RECORD_BYTES = 12;
const MAGIC_H = 0x48;
const MAGIC_P = 0x50;
const VERSION = 1;
const AGE_STEP = 1.08;

/** Milliseconds that each age code stands for; the code counts in steps of 8 %. */
export const AGE_MS: readonly number[] = Array.from({ length: 256 }, (_, code) =>
  code === 0 ? 0 : Math.round(1000 * AGE_STEP ** code),
);

export interface PositionSink {
  put(handle: number, lonE7: number, latE7: number, ageMs: number): void;
}

/** Hands each record to the sink; returns the frame's tick. Throws when it is no such frame. */
export function decodePositions(frame: ArrayBuffer, sink: PositionSink): number {
  const view = new DataView(frame);
  if (
    frame.byteLength < HEAD_BYTES ||
    view.getUint8(0) !== MAGIC_H ||
    view.getUint8(1) !== MAGIC_P ||
    view.getUint8(2) !== VERSION
  ) {
    throw new Error("not a position frame");
  }
  const tick = view.getUint32(4, true);
  const count = view.getUint32(8, true);
  if (frame.byteLength !== HEAD_BYTES + count * RECORD_BYTES) {
    throw new Error("a position frame of the wrong length");
  }
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++, at += RECORD_BYTES) {
    const word = view.getUint32(at, true);
    sink.put(
      word & 0xffffff,
      view.getInt32(at + 4, true),
      view.getInt32(at + 8, true),
      AGE_MS[word >>> 24] ?? 0,
    );
  }
  return tick;
}
