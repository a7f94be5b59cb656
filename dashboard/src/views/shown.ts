// src/views/shown.ts - what the system page shows is asked for when it is looked at.
import type { App } from "../app.ts";
import { attempt } from "../app.ts";

export function whenShown(app: App, load: () => Promise<void>): void {
  app.store.on(["tab"], () => {
    if (app.store.state.tab === "system") {
      void attempt(app, load);
    }
  });
}
