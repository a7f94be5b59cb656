// test/newest.test.ts - questions that are asked again before their answers are there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newest } from "../src/newest.ts";

function questions(): { ask: () => Promise<void>; answer: (i: number) => void; shown: number[] } {
  const open: ((i: number) => void)[] = [];
  const shown: number[] = [];
  const ask = newest(
    () => new Promise<number>((resolve) => open.push(resolve)),
    (i) => shown.push(i),
  );
  return { ask, answer: (i) => open[i]!(i), shown };
}

test("an older answer does not take the place of a newer one", async () => {
  const { ask, answer, shown } = questions();
  const all = [ask(), ask(), ask()];
  answer(1);
  answer(0);
  answer(2);
  await Promise.all(all);
  assert.deepEqual(shown, [1, 2]);
});

test("answers that take longer than it takes to ask again are shown all the same", async () => {
  const { ask, answer, shown } = questions();
  const first = ask();
  for (let i = 0; i < 3; i++) {
    void ask();
    answer(i);
    await first;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(shown, [0, 1, 2]);
});
