// src/views/first_steps.ts - what is left to do on a new farm, until it has a fence and an animal.
import type { App } from "../app.ts";
import { mayEdit } from "../app.ts";
import { fill, h } from "../dom.ts";
import type { Key } from "../i18n.ts";

export function firstSteps(app: App): HTMLElement {
  const { t, store } = app;
  const list = h("ol", { class: "steps" });
  const card = h("section", { class: "card" }, h("h2", {}, t("steps.title")), list);
  const step = (key: Key, isDone: boolean, action?: () => void): HTMLElement =>
    h(
      "li",
      {},
      h(
        "span",
        { role: "img", "aria-label": t(isDone ? "steps.done" : "steps.open") },
        isDone ? "✓" : "○",
      ),
      action ? h("button", { onclick: action }, t(key)) : h("span", {}, t(key)),
    );
  const isOwner = store.state.me?.role === "owner";
  const openSystem = (): void => store.set({ tab: "system" });
  const render = (): void => {
    const { fences, devices, farm, areFencesKnown, areDevicesKnown } = store.state;
    const hasAnimals = devices.size > 0;
    const isKnown = areFencesKnown && areDevicesKnown;
    card.hidden = !mayEdit(app) || !isKnown || (fences.size > 0 && hasAnimals);
    fill(
      list,
      step("steps.password", true),
      step("steps.farm", farm !== null && farm.name !== "", isOwner && !farm?.name ? openSystem
        : undefined),
      step("steps.fence", fences.size > 0),
      step("steps.gateway", hasAnimals, hasAnimals || !isOwner ? undefined : openSystem),
      step("steps.animal", hasAnimals),
    );
  };
  store.on(["fences", "areFencesKnown", "devices", "areDevicesKnown", "farm"], render);
  render();
  return card;
}
