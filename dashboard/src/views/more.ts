// src/views/more.ts - a list that begins short; a button below it shows the next rows.
import type { App } from "../app.ts";
import { h } from "../dom.ts";

export interface More {
  button: HTMLElement;
  /** As many as are wanted so far. */
  cut<T>(items: readonly T[]): readonly T[];
}

export function more(app: App, step: number, render: () => void): More {
  let limit = step;
  const button = h("button", { class: "wide more-rows", hidden: true });
  button.addEventListener("click", () => {
    limit += step;
    render();
  });
  return {
    button,
    cut(items) {
      const left = items.length - limit;
      button.hidden = left <= 0;
      button.textContent = app.t("list.more", {
        n: app.format.number(Math.min(step, left)),
        left: app.format.number(left),
      });
      return items.slice(0, limit);
    },
  };
}
