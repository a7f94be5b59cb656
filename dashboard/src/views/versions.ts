// src/views/versions.ts - who changed a fence and when, and the way back to an older state.
import type { App } from "../app.ts";
import { attempt, putFence, tell } from "../app.ts";
import { fill, folded, h } from "../dom.ts";
import { fencePath } from "../draft.ts";
import type { Fence } from "../types.ts";

interface Version {
  revision: number;
  what: "created" | "replaced" | "patched" | "removed" | "restored";
  who: string;
  time: string;
  area_ha?: number;
}

export function versionsPart(app: App, id: string): HTMLElement {
  const { t, format } = app;
  const list = h("ol", { class: "items versions" });
  const part = folded(t("versions.title"), list);
  const restore = async (revision: number): Promise<void> => {
    const path = fencePath(id);
    const { etag } = await app.api.request<Fence>("GET", path);
    const answer = await app.api.request<Fence>("POST", `${path}/restore`, { revision }, {
      ifMatch: etag,
    });
    putFence(app, answer.body);
    if (app.store.state.draft?.id === id) {
      app.store.set({ draft: null, selection: { kind: "fence", id } });
    }
    tell(app, t("versions.restored"), "good");
  };
  const load = async (): Promise<void> => {
    const { versions } = await app.api.get<{ versions: Version[] }>(`${fencePath(id)}/versions`);
    fill(
      list,
      ...versions.map((version, i) =>
        h(
          "li",
          {},
          h(
            "span",
            { class: "text" },
            h("strong", {}, t(`version.${version.what}`)),
            h("small", {}, `${format.moment(version.time)} · ${version.who}`),
            version.area_ha !== undefined && h("small", {}, format.area(version.area_ha * 10_000)),
          ),
          i > 0 &&
            version.what !== "removed" &&
            h(
              "button",
              {
                type: "button",
                onclick: () => void attempt(app, () => restore(version.revision)),
              },
              t("versions.restore"),
            ),
        ),
      ),
    );
  };
  part.addEventListener("toggle", () => {
    if (part.open) {
      void attempt(app, load);
    }
  });
  return part;
}
