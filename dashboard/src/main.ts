// src/main.ts - starts the page: who is there, what they may see, and the parts that show it.
import { Api, ApiError } from "./api.ts";
import type { App } from "./app.ts";
import { explain } from "./app.ts";
import { Clock } from "./clock.ts";
import { formatter } from "./format.ts";
import { Herd } from "./herd.ts";
import { loadStrings, translator } from "./i18n.ts";
import { Live, connectTo } from "./live.ts";
import { applyTheme, loadSettings } from "./settings.ts";
import { initialState } from "./state.ts";
import { Store } from "./store.ts";
import { renewWhenOld } from "./renew.ts";
import { noteEnd, sessionCheck } from "./session.ts";
import { liveHandlers } from "./sync.ts";
import type { Health, Me } from "./types.ts";
import { allowSound, announce } from "./announce.ts";
import { showEntry } from "./views/entry.ts";
import { showShell } from "./views/shell.ts";

function socketAddress(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/live`;
}

/** A link that the service printed carries a code: #setup=... or #login=... */
function takeCode(): string {
  const code = /^#(?:setup|login)=([\w.-]+)$/.exec(location.hash)?.[1] ?? "";
  if (code !== "") {
    history.replaceState(null, "", location.pathname);
  }
  return code;
}

async function whoIsThere(app: App, code: string): Promise<void> {
  const health = await app.api.get<Health>("/v1/health");
  app.store.set({ health });
  if (health.needs_setup) {
    app.store.set({ phase: "setup" });
    return;
  }
  try {
    const me =
      code === "" ? await app.api.get<Me>("/v1/me") : await app.api.post<Me>("/v1/login", { code });
    app.store.set({ me, phase: "in" });
  } catch (reason) {
    if (reason instanceof ApiError && reason.status >= 400 && reason.status < 500) {
      app.store.set({ phase: "login" });
      return;
    }
    throw reason;
  }
}

const RETRY_MS = 2000;

/** Until the service answers; it may still be starting. */
async function enter(app: App, code: string): Promise<void> {
  for (;;) {
    try {
      await whoIsThere(app, code);
      return;
    } catch (reason) {
      document.querySelector("main p")?.replaceChildren(explain(app, reason));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function start(): Promise<void> {
  const settings = loadSettings();
  applyTheme(settings);
  const t = translator(await loadStrings(settings.language));
  const store = new Store(initialState(settings));
  const clock = new Clock();
  const herd = new Herd(() => clock.now());
  const api = new Api();
  const handlers = liveHandlers(
    () => app,
    (event) => announce(app, event),
  );
  const app: App = {
    store,
    api,
    herd,
    clock,
    t,
    format: formatter(settings, t),
    live: new Live(connectTo(socketAddress()), handlers),
    map: { showPlace() {}, showFence() {}, showTrack() {}, resize() {} },
  };
  allowSound(app);
  const code = takeCode();
  api.onSignedOut = () => {
    app.live.stop();
    noteEnd();
    store.set({ phase: "login", me: null });
  };
  const check = sessionCheck(app, () => location.reload());
  api.onForbidden = () => void check();
  // A service that ends a session only closes the socket: nothing else tells the two apart.
  store.on(["link"], () => void check());
  renewWhenOld(app, () => location.reload());
  window.addEventListener("online", () => app.live.hurry());
  document.addEventListener("visibilitychange", () => {
    app.live.hurry();
    void check();
  });
  let shown = store.state.phase;
  store.on(["phase"], () => {
    const { phase } = store.state;
    if (phase === shown) {
      return;
    }
    if (shown === "in") {
      // A new session begins with an empty page, so that nothing of the old one is left.
      location.reload();
      return;
    }
    shown = phase;
    if (phase === "in") {
      showShell(app);
      app.live.start();
    } else {
      showEntry(app, code);
    }
  });
  await enter(app, code);
}

void start();
