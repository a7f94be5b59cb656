// test/crowds.test.ts - counts for animals that stand too near each other; none overlaps another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CELL_PX, CROWD_MIN, Crowds, crowdRadius_px } from "../src/map/crowds.ts";

function apart(crowds: Crowds): void {
  const shown = crowds.join();
  shown.forEach((a, i) => {
    for (const b of shown.slice(i + 1)) {
      const between = Math.hypot(a.x - b.x, a.y - b.y);
      const wanted = crowdRadius_px(a.count) + crowdRadius_px(b.count);
      assert.ok(between >= wanted, `${a.count} and ${b.count} are ${between} apart`);
    }
  });
}

test("a herd that straddles four cells has one count, in its middle", () => {
  const crowds = new Crowds(CROWD_MIN);
  for (let i = 0; i < 40; i++) {
    const turn = (2 * Math.PI * i) / 40;
    crowds.add(10 * CELL_PX + 12 * Math.cos(turn), -7 * CELL_PX + 12 * Math.sin(turn), 1, 0);
  }
  const [only, ...others] = crowds.join();
  assert.equal(others.length, 0);
  assert.equal(only?.count, 40);
  assert.ok(Math.hypot(only.x - 10 * CELL_PX, only.y + 7 * CELL_PX) < 1);
});

test("few animals stay by themselves, unless they would stand under a count", () => {
  const crowds = new Crowds(CROWD_MIN);
  for (let i = 0; i < 20; i++) {
    crowds.add(CELL_PX - 2, 10 + i / 10, 1, 0);
  }
  crowds.add(CELL_PX + 3, 12, 1, 1);
  crowds.add(5 * CELL_PX, 12, 1, 0);
  assert.deepEqual(crowds.join().map(({ count, level }) => [count, level]), [[21, 1]]);
  assert.ok(crowds.holds(CELL_PX + 3, 12));
  assert.ok(!crowds.holds(5 * CELL_PX, 12));
  assert.ok(!crowds.holds(50 * CELL_PX, 12));
});

test("one that is out and stands under a count turns it; elsewhere it stands by itself", () => {
  const crowds = new Crowds(CROWD_MIN);
  for (let i = 0; i < 10; i++) {
    crowds.add(20, 20, 1, 0);
  }
  crowds.join();
  assert.ok(crowds.cover(25, 25, 2));
  assert.ok(!crowds.cover(60, 20, 2));
  assert.deepEqual(crowds.join(), [{ x: 20, y: 20, count: 11, level: 2 }]);
});

test("what the service has counted is all shown, also ones", () => {
  const crowds = new Crowds(1);
  crowds.add(0, 0, 1, 0);
  crowds.add(300, 0, 250, 0);
  assert.deepEqual(crowds.join().map(({ count }) => count).sort(), [1, 250]);
});

test("whatever the animals, no count overlaps another and none is lost", () => {
  const { HR_SEED, HR_LONG } = process.env;
  const seed = Number(HR_SEED ?? (HR_LONG ? Date.now() % 100_000 : 20_261));
  console.log(`# HR_SEED=${seed}`);
  let state = seed;
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  for (let round = 0; round < 50; round++) {
    const crowds = new Crowds(CROWD_MIN);
    const spread_px = 50 + 1500 * random();
    const places = Array.from({ length: 1 + Math.floor(800 * random()) }, () => ({
      x: 40_000_000 + spread_px * random(),
      y: -80_000_000 + spread_px * random(),
    }));
    places.forEach(({ x, y }) => crowds.add(x, y, 1, 0));
    apart(crowds);
    const counted = crowds.join().reduce((sum, { count }) => sum + count, 0);
    const held = places.filter(({ x, y }) => crowds.holds(x, y)).length;
    assert.equal(counted, held);
  }
});
