// src/views/more.ts - a list that begins short; a button below it shows the next rows, and fetches
// those that the page does not have yet.
import type { App } from "../app.ts";
import { attempt } from "../app.ts";
import { h } from "../dom.ts";

export interface More {
  button: HTMLElement;
  /** As many as are wanted so far. */
  cut<T>(items: readonly T[]): readonly T[];
}

/** What the service has below the rows that are there. */
export interface Older {
  isThere(): boolean;
  load(count: number): Promise<void>;
}

export function more(app: App, step: number, render: () => void, older?: Older): More {
  const { t, format } = app;
  let limit = step;
  let left = 0;
  let isLoading = false;
  const button = h("button", { class: "wide more-rows", hidden: true });
  const label = (): void => {
    const n = Math.min(step, left);
    button.hidden = left <= 0 && !older?.isThere();
    button.setAttribute("aria-disabled", String(isLoading));
    button.textContent = isLoading
      ? t("loading")
      : left > 0
        ? t("list.more", { n: format.number(n), left: format.number(left) })
        : t("list.older");
  };
  const fetchMore = async (): Promise<void> => {
    isLoading = true;
    label();
    await attempt(app, () => older?.load(step) ?? Promise.resolve());
    isLoading = false;
    render();
  };
  button.addEventListener("click", () => {
    // Who presses it while it loads still has the focus on it, and waits.
    if (isLoading) {
      return;
    }
    limit += step;
    render();
    if (left <= 0 && older?.isThere()) {
      void fetchMore();
    }
  });
  return {
    button,
    cut(items) {
      left = items.length - limit;
      label();
      return items.slice(0, limit);
    },
  };
}
