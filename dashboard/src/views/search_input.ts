// src/views/search_input.ts - one search for animals and fences, wherever it is typed.
import type { App } from "../app.ts";
import { h } from "../dom.ts";

export function searchInput({ t, store }: App): HTMLElement {
  const input = h("input", {
    type: "search",
    placeholder: t("search.hint"),
    "aria-label": t("search.hint"),
  });
  input.addEventListener("input", () => store.set({ filter: input.value }));
  store.on(["filter"], () => {
    if (input.value !== store.state.filter) {
      input.value = store.state.filter;
    }
  });
  return input;
}
