// test/qr.test.ts - QR codes: one by an independent program's answer, the others by their frame.
import assert from "node:assert/strict";
import { test } from "node:test";
import { qrCode } from "../src/qr.ts";

/** Rows of "hedgerow" at level M as libqrencode draws it, one bit for each module. */
const HEDGEROW = [
  "1fd07f", "105f41", "175b5d", "17425d", "17555d", "104f41", "1fd57f",
  "000b00", "13f197", "0639ec", "044c87", "031624", "03dcca", "00171e",
  "1fd1d4", "10578d", "175768", "175324", "174053", "1044ef", "1fde10",
];

test("a code is that of an independent program, with one of the eight masks", () => {
  const all = Array.from({ length: 8 }, (_, mask) =>
    (qrCode("hedgerow", mask) ?? []).map((row) =>
      parseInt(row.map(Number).join(""), 2).toString(16).padStart(6, "0"),
    ),
  );
  assert.ok(all.some((rows) => rows.join() === HEDGEROW.join()));
});

test("the size follows the length, and what is too long is refused", () => {
  for (const [length, size] of [[1, 21], [14, 21], [15, 25], [106, 41], [107, 45], [180, 53]]) {
    assert.equal(qrCode("x".repeat(length!))?.length, size, `${length} bytes`);
  }
  assert.equal(qrCode("x".repeat(181)), null);
  assert.equal(qrCode("ö".repeat(91)), null);
});
