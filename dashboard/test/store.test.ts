// test/store.test.ts - the store tells of changes once, to those who asked for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../src/store.ts";

function make(): { store: Store<{ a: number; b: number }>; flush: () => void } {
  const waiting: (() => void)[] = [];
  const store = new Store({ a: 1, b: 1 }, (flush) => waiting.push(flush));
  return { store, flush: () => waiting.splice(0).forEach((run) => run()) };
}

test("a listener hears of its keys only, once for many changes", () => {
  const { store, flush } = make();
  let heard = 0;
  store.on(["a"], () => heard++);
  store.set({ b: 2 });
  flush();
  assert.equal(heard, 0);
  store.set({ a: 2 });
  store.set({ a: 3 });
  assert.equal(store.state.a, 3);
  flush();
  assert.equal(heard, 1);
});

test("setting the same value again is no change", () => {
  const { store, flush } = make();
  let heard = 0;
  store.on(["a", "b"], () => heard++);
  store.set({ a: 1, b: 1 });
  flush();
  assert.equal(heard, 0);
});

test("who has left hears nothing, also when it leaves during a change", () => {
  const { store, flush } = make();
  let heard = 0;
  let leave = (): void => {};
  store.on(["a"], () => leave());
  leave = store.on(["a"], () => heard++);
  store.set({ a: 2 });
  flush();
  assert.equal(heard, 0);
});

test("a change made by a listener is told in a round of its own", () => {
  const { store, flush } = make();
  const heard: number[] = [];
  store.on(["a"], () => store.set({ b: store.state.a * 10 }));
  store.on(["b"], () => heard.push(store.state.b));
  store.set({ a: 4 });
  flush();
  flush();
  assert.deepEqual(heard, [40]);
});
