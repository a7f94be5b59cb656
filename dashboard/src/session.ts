// src/session.ts - who is signed in may change while the page is open: a session ends, a role is
// taken away. The page asks when something hints at it, and never just fails.
import { ApiError } from "./api.ts";
import type { App } from "./app.ts";
import { keep, kept } from "./kept.ts";
import type { Me } from "./types.ts";

const KEY = "hedgerow.ended";

let isLeaving = false;

/** Whatever hears first that the session is over, it is the person who has ended it. */
export async function signOut(app: App): Promise<void> {
  isLeaving = true;
  try {
    await app.api.post("/v1/logout", {});
    app.api.onSignedOut();
  } finally {
    isLeaving = false;
  }
}

/** For the page that follows: it is to say that the session has ended, if it did so by itself. */
export function noteEnd(): void {
  keep("session", KEY, isLeaving ? null : true);
}

export function noteBegin(): void {
  keep("session", KEY, null);
}

export function hasEnded(): boolean {
  return kept("session", KEY) !== null;
}

/** Asks once for many calls; what the answer changes is changed for the whole page. */
export function sessionCheck(app: App, reload: () => void): () => Promise<void> {
  let asking: Promise<void> | null = null;
  const ask = async (): Promise<void> => {
    try {
      const me = await app.api.get<Me>("/v1/me");
      const known = app.store.state.me;
      if (known && (me.user !== known.user || me.role !== known.role)) {
        reload();
      }
    } catch (reason) {
      if (reason instanceof ApiError && reason.status === 401) {
        app.api.onSignedOut();
      }
    }
  };
  return () => {
    if (app.store.state.phase !== "in") {
      return Promise.resolve();
    }
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };
}
