// src/views/farm.ts - the farm's name, and an online map that the owner names.
import type { App } from "../app.ts";
import { attempt, tell } from "../app.ts";
import { field, h, onSubmit } from "../dom.ts";
import type { Farm } from "../types.ts";
import { FARM_NAME_LENGTH_MAX } from "./entry.ts";

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
  const members = { name, map_url: url, map_attribution: credit };
  const keys = ["name", "map_url", "map_attribution"] as const;
  const render = (): void => {
    const { farm } = store.state;
    for (const key of farm ? keys : []) {
      const input = members[key];
      // What somebody has begun to write stays; it is compared with what stands there now.
      const isTouched = input.value !== input.defaultValue;
      input.defaultValue = farm![key];
      input.value = isTouched ? input.value : farm![key];
    }
    file.textContent = t(farm?.tiles ? "farm.has_file" : "farm.no_file");
  };
  onSubmit(form, () => {
    void attempt(app, async () => {
      // What was not touched stays as it is, be it known here yet or not.
      const { name: known, map_url, map_attribution } = await app.api.get<Farm>("/v1/farm");
      const farm = { name: known, map_url, map_attribution };
      const touched = keys.filter((key) => members[key].value !== members[key].defaultValue);
      touched.forEach((key) => (farm[key] = members[key].value.trim()));
      const saved = await app.api.put<Farm>("/v1/farm", farm);
      touched.forEach((key) => (members[key].defaultValue = members[key].value));
      if (farm.map_url !== map_url) {
        // Only a fresh page is allowed to draw pictures from the new place.
        location.reload();
        return;
      }
      store.set({ farm: saved });
      tell(app, t("saved"), "good");
    });
  });
  store.on(["farm"], render);
  render();
  return h("section", {}, h("h2", {}, t("farm.title")), form);
}
