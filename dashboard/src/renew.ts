// src/renew.ts - a page stays open for months: once the gateway has another version of it, it says
// so, and begins anew by itself where nobody is at work.
import type { App } from "./app.ts";
import { keep, kept } from "./kept.ts";

const KEY = "hedgerow.renewed";
const REST_MS = 5 * 60_000; // untouched for so long, nobody is at work
const LOOK_MS = 30_000;

/** What a page says that it is made of. */
export function buildOf(html: string): string {
  return /name="build" content="(\w+)"/.exec(html)?.[1] ?? "";
}

/** False where a page has begun anew for this version already, and is the old one all the same; and
 * where nobody can tell. */
function isFirstTime(build: string): boolean {
  const isFirst = kept("session", KEY) !== build;
  keep("session", KEY, build);
  return isFirst && kept("session", KEY) === build;
}

/** A gateway that is renewed ends its connections: with each new one the page asks. */
export function renewWhenOld(app: App, reload: () => void): void {
  const { store } = app;
  const own = buildOf(document.head.innerHTML);
  let newer = "";
  let touchedMs = -Infinity;
  const touch = (): void => {
    touchedMs = performance.now();
  };
  const renew = (): void => {
    const { draft, measuring } = store.state;
    const isAtWork = draft !== null || measuring || performance.now() - touchedMs < REST_MS;
    if (store.state.isOld && !isAtWork && isFirstTime(newer)) {
      reload();
    }
  };
  const ask = async (): Promise<void> => {
    newer = buildOf(await app.api.get<string>("/"));
    if (newer !== "" && newer !== own) {
      store.set({ isOld: true });
    }
  };
  for (const kind of ["pointerdown", "keydown", "wheel"]) {
    document.addEventListener(kind, touch, { capture: true, passive: true });
  }
  store.on(["isOld"], renew);
  store.on(["link"], () => {
    if (store.state.link === "live") {
      void ask().catch(() => {});
    }
  });
  setInterval(renew, LOOK_MS);
}
