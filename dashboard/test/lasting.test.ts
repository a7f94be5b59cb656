// test/lasting.test.ts - what keeps a page true while it stays open: the service's clock, corners
// that stand, who is signed in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/api.ts";
import type { App } from "../src/app.ts";
import { Clock } from "../src/clock.ts";
import { cornersOfSketch } from "../src/kept_draft.ts";
import { sessionCheck } from "../src/session.ts";
import type { Me } from "../src/types.ts";

const HOUR_MS = 3_600_000;

test("the clock follows the service's, and keeps its own before it has heard one", () => {
  let own = 5_000_000;
  const clock = new Clock(() => own);
  assert.equal(clock.now(), 5_000_000);
  clock.heard(new Date(own - HOUR_MS).toISOString());
  own += 250;
  assert.equal(clock.now(), own - HOUR_MS);
  clock.heard(undefined);
  clock.heard("nonsense");
  assert.equal(clock.now(), own - HOUR_MS);
});

test("of a sketch the corners that were set are kept, without the pointer's", () => {
  const ring: [number, number][] = [[1, 1], [2, 1], [2, 1], [2, 2], [9, 9], [1, 1]];
  assert.deepEqual(cornersOfSketch({ kind: "polygon", polygons: [[ring]] }), [
    [1, 1],
    [2, 1],
    [2, 2],
  ]);
  const line: [number, number][] = [[1, 1], [2, 1], [9, 9]];
  assert.deepEqual(cornersOfSketch({ kind: "corridor", line, width_m: 5 }), [[1, 1], [2, 1]]);
  assert.deepEqual(cornersOfSketch(null), []);
});

function pageOf(me: () => Promise<Me>): { app: App; ended: () => number; asked: () => number } {
  let ended = 0;
  let asked = 0;
  const app = {
    store: { state: { phase: "in", me: { user: "anna", role: "editor" } } },
    api: {
      get: () => {
        asked++;
        return me();
      },
      onSignedOut: () => ended++,
    },
  } as unknown as App;
  return { app, ended: () => ended, asked: () => asked };
}

test("a session that has ended ends the page, a gateway that is away does not", async () => {
  const gone = pageOf(() => Promise.reject(new ApiError(401, "auth.needed", "")));
  await sessionCheck(gone.app, () => assert.fail())();
  assert.equal(gone.ended(), 1);
  const away = pageOf(() => Promise.reject(new ApiError(0, "offline", "")));
  await sessionCheck(away.app, () => assert.fail())();
  assert.equal(away.ended(), 0);
});

test("another role begins the page anew, the same one does not; calls are gathered", async () => {
  let reloads = 0;
  const other = pageOf(() => Promise.resolve({ user: "anna", role: "viewer" }));
  await sessionCheck(other.app, () => reloads++)();
  assert.equal(reloads, 1);
  const same = pageOf(() => Promise.resolve({ user: "anna", role: "editor" }));
  const check = sessionCheck(same.app, () => reloads++);
  await Promise.all([check(), check(), check()]);
  assert.equal(reloads, 1);
  assert.equal(same.asked(), 1);
});
