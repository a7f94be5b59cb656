// src/views/shown.ts - what a part of the page shows is asked for when it is looked at, and again
// when the service comes back, where it could not answer.
import type { App } from "../app.ts";
import { attempt } from "../app.ts";
import type { Tab } from "../state.ts";

export function whenShown(app: App, tab: Tab, load: () => Promise<void>): void {
  const { store } = app;
  let isMissing = false;
  const ask = async (): Promise<void> => {
    // The connection may come back before a question from before it is given up.
    isMissing = true;
    // Without a connection the page says so already.
    if (store.state.link === "live") {
      isMissing = !(await attempt(app, load));
    }
  };
  store.on(["tab"], () => {
    if (store.state.tab === tab) {
      void ask();
    }
  });
  store.on(["link"], () => {
    if (store.state.tab === tab && store.state.link === "live" && isMissing) {
      void ask();
    }
  });
}
