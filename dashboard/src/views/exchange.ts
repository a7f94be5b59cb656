// src/views/exchange.ts - fences out to a GeoJSON file, and in from one: all of it or nothing.
import type { App } from "../app.ts";
import { attempt, mayEdit, tell } from "../app.ts";
import { folded, h, toggle } from "../dom.ts";
import { loadFences } from "../sync.ts";

function readJson(app: App, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(app.t("import.unreadable"));
  }
}

export function exchangePart(app: App): HTMLElement {
  const { t } = app;
  const file = h("input", {
    type: "file",
    accept: ".geojson,.json",
    "aria-label": t("import.file"),
  });
  let replaces = false;
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (!chosen) {
      return;
    }
    void attempt(app, async () => {
      const collection = readJson(app, await chosen.text());
      const query = replaces ? "?replace=true&close_rings=true" : "?close_rings=true";
      const answer = await app.api.post<{ imported: number }>(
        `/v1/fences/import${query}`,
        collection,
      );
      await loadFences(app);
      tell(app, t("import.done", { n: answer.imported }), "good");
    }).then(() => {
      file.value = "";
    });
  });
  return folded(
    t("exchange.title"),
    h("a", { class: "button", href: "/v1/export/fences", download: "fences.geojson" }, t("export")),
    mayEdit(app) && h("h3", {}, t("import.title")),
    mayEdit(app) && toggle(t("import.replace"), false, (isOn) => (replaces = isOn)),
    mayEdit(app) && file,
  );
}
