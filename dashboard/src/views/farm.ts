// src/views/farm.ts - the farm's name, and an online map that the owner names.
import type { App } from "../app.ts";
import { attempt, tell } from "../app.ts";
import { field, h } from "../dom.ts";
import { loadFarm } from "../sync.ts";
import { FARM_NAME_LENGTH_MAX } from "./entry.ts";
import { whenShown } from "./shown.ts";

const URL_LENGTH_MAX = 500;
const CREDIT_LENGTH_MAX = 150;

export function farmPart(app: App): HTMLElement {
  const { t, store } = app;
  const name = h("input", { maxlength: FARM_NAME_LENGTH_MAX, name: "farm" });
  const url = h("input", {
    maxlength: URL_LENGTH_MAX,
    name: "map-url",
    inputmode: "url",
    spellcheck: "false",
    placeholder: "https://host/{z}/{x}/{y}.png",
  });
  const credit = h("input", { maxlength: CREDIT_LENGTH_MAX, name: "map-credit" });
  const file = h("p", { class: "hint" });
  const form = h(
    "form",
    {},
    field(t("farm.name"), name),
    field(t("farm.map"), url, t("farm.map_hint")),
    field(t("farm.credit"), credit),
    file,
    h("button", { class: "primary" }, t("save")),
  );
  const render = (): void => {
    const { farm } = store.state;
    if (farm && !form.contains(document.activeElement)) {
      name.value = farm.name;
      url.value = farm.map_url;
      credit.value = farm.map_attribution;
    }
    file.textContent = t(farm?.tiles ? "farm.has_file" : "farm.no_file");
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const before = store.state.farm?.map_url ?? "";
    void attempt(app, async () => {
      await app.api.put("/v1/farm", {
        name: name.value.trim(),
        map_url: url.value.trim(),
        map_attribution: credit.value.trim(),
      });
      if (url.value.trim() !== before) {
        // Only a fresh page is allowed to draw pictures from the new place.
        location.reload();
        return;
      }
      await loadFarm(app);
      tell(app, t("saved"), "good");
    });
  });
  store.on(["farm"], render);
  whenShown(app, () => loadFarm(app));
  render();
  return h("section", {}, h("h2", {}, t("farm.title")), form);
}
