// src/views/shown.ts - what the system page shows is asked for when it is looked at, and again when
// the service comes back, where it could not answer.
import type { App } from "../app.ts";
import { attempt } from "../app.ts";

export function whenShown(app: App, load: () => Promise<void>): void {
  const { store } = app;
  let isMissing = false;
  const ask = async (): Promise<void> => {
    // Without a connection the page says so already.
    isMissing = store.state.link !== "live" || !(await attempt(app, load));
  };
  store.on(["tab"], () => {
    if (store.state.tab === "system") {
      void ask();
    }
  });
  store.on(["link"], () => {
    if (store.state.tab === "system" && store.state.link === "live" && isMissing) {
      void ask();
    }
  });
}
