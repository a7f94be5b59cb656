// test/decode.test.ts - binary position frames, by the vector of the protocol's own description.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AGE_MS, decodePositions } from "../src/decode.ts";
import { Herd, mercatorX } from "../src/herd.ts";

const VECTOR = "48500100 0c000000 01000000 0100001e c83ec209 8091ac23";

function bytes(hex: string): ArrayBuffer {
  const pairs = hex.replace(/ /g, "").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16)).buffer;
}

test("the described frame gives its tick, handle, age and place", () => {
  const got: number[][] = [];
  const tick = decodePositions(bytes(VECTOR), { put: (...record) => got.push(record) });
  assert.equal(tick, 12);
  assert.deepEqual(got, [[1, 163_725_000, 598_512_000, AGE_MS[30]]]);
  assert.ok(AGE_MS[30]! >= 10_000 && AGE_MS[30]! < 10_800);
});

test("places west and south are negative, the largest handle is kept whole", () => {
  const frame = bytes("48500100 01000000 01000000 ffffffff ffffffff feffffff");
  const got: number[][] = [];
  decodePositions(frame, { put: (...record) => got.push(record) });
  assert.deepEqual(got, [[0xffffff, -1, -2, AGE_MS[255]]]);
});

test("a frame of another kind, version or length is refused", () => {
  const sink = { put: () => assert.fail("a record of a bad frame") };
  for (const hex of [
    "",
    "48500100",
    "58500100 0c000000 00000000",
    "48500200 0c000000 00000000",
    "48500100 0c000000 01000000",
    "48500100 0c000000 00000000 00",
    "48500100 0c000000 ffffffff",
  ]) {
    assert.throws(() => decodePositions(bytes(hex), sink), Error, hex);
  }
});

test("the herd puts records where names say, and forgets handles with the connection", () => {
  const herd = new Herd(() => 1_000_000);
  herd.put(1, 0, 0, 0);
  assert.equal(herd.count, 0);
  herd.name(1, "cow-17");
  decodePositions(bytes(VECTOR), herd);
  const slot = herd.slot("cow-17");
  assert.equal(slot, 0);
  assert.equal(herd.lon[0], 16.3725);
  assert.equal(herd.timeMs[0], 1_000_000 - AGE_MS[30]!);
  herd.forgetHandles();
  herd.put(1, 0, 0, 0);
  assert.equal(herd.lon[0], 16.3725);
});

test("an animal's direction is that of its last way, not of a tremble", () => {
  const herd = new Herd(() => 0);
  herd.name(0, "a");
  herd.put(0, 160_000_000, 590_000_000, 0);
  assert.ok(Number.isNaN(herd.headingDeg[0]));
  herd.put(0, 160_100_000, 590_000_000, 0);
  assert.ok(Math.abs(herd.headingDeg[0]! - 90) < 0.01);
  herd.put(0, 160_100_000, 590_000_050, 0);
  assert.ok(Math.abs(herd.headingDeg[0]! - 90) < 0.01);
  herd.put(0, 160_100_000, 589_900_000, 0);
  assert.ok(Math.abs(herd.headingDeg[0]! - 180) < 0.01);
});

test("thousands of animals find room, and levels follow names", () => {
  const herd = new Herd();
  for (let i = 0; i < 3000; i++) {
    herd.name(i, `cow-${i}`);
  }
  assert.equal(herd.count, 3000);
  herd.setLevels(new Map([["cow-2999", 2], ["nobody", 1]]));
  assert.equal(herd.level[2999], 2);
  herd.setLevels(new Map());
  assert.equal(herd.level[2999], 0);
  herd.setHidden((id) => id !== "cow-5");
  assert.equal(herd.hidden[5], 0);
  assert.equal(herd.hidden[6], 1);
});

test("animals on both sides of the date line are beside each other where one looks", () => {
  const herd = new Herd();
  const time = "2026-11-20T08:00:00Z";
  herd.putDevice({ device: "west", lon: 179.99, lat: -17, time });
  herd.gatherAround(mercatorX(179.99));
  herd.putDevice({ device: "east", lon: -179.99, lat: -17, time });
  assert.ok(Math.abs(herd.x[1]! - herd.x[0]! - mercatorX(0.02)) < 1);
  herd.gatherAround(0);
  assert.ok(Math.abs(herd.x[1]! - mercatorX(-179.99)) < 1);
});

test("what was asked for a while ago does not put an animal back", () => {
  const herd = new Herd(() => Date.parse("2026-11-20T08:00:10Z"));
  herd.name(1, "cow");
  herd.put(1, 163700000, 598500000, 0);
  herd.putDevice({ device: "cow", lon: 16, lat: 59, time: "2026-11-20T08:00:00Z" });
  assert.equal(herd.lon[0], 16.37);
});
