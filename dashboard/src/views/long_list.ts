// src/views/long_list.ts - a list of thousands of rows of one height: only those near the screen
// are elements; the others are room above and below.
import { h, syncList } from "../dom.ts";

const ROW_PX = 72; // as in app.css
const AROUND = 20; // rows made ready above and below what is seen
const PRINTED_MAX = 2000; // on paper there are no rows to come

/** Which rows are to be elements, when the list begins at `top_px` of a screen of that height. */
export function rowsNear(
  count: number,
  top_px: number,
  height_px: number,
): { from: number; to: number } {
  const first = Math.floor(-top_px / ROW_PX) - AROUND;
  const from = Math.max(0, Math.min(first, count - 2 * AROUND));
  const to = Math.min(count, Math.ceil((height_px - top_px) / ROW_PX) + AROUND);
  return { from, to: Math.max(to, Math.min(count, from + 2 * AROUND)) };
}

export interface LongList {
  element: HTMLElement;
  show(ids: readonly string[]): void;
}

/** stamp: what a row shows, as text; a row is made anew when that changes. */
export function longList(
  css: string,
  stamp: (id: string) => string,
  make: (id: string) => HTMLElement,
): LongList {
  const list = h("ul", { class: `items long ${css}` });
  let ids: readonly string[] = [];
  let isPrinting = false;
  const render = (): void => {
    if (!list.isConnected) {
      return;
    }
    const { from, to } = isPrinting
      ? { from: 0, to: Math.min(ids.length, PRINTED_MAX) }
      : rowsNear(ids.length, list.getBoundingClientRect().top, innerHeight);
    list.style.paddingTop = `${from * ROW_PX}px`;
    list.style.paddingBottom = isPrinting ? "0" : `${(ids.length - to) * ROW_PX}px`;
    syncList(list, ids.slice(from, to), (id) => id, stamp, make);
    // Who reads with ears hears of how many it is one.
    [...list.children].forEach((row, i) => {
      row.setAttribute("aria-setsize", String(ids.length));
      row.setAttribute("aria-posinset", String(from + i + 1));
    });
  };
  const print = (isPaper: boolean) => (): void => {
    isPrinting = isPaper;
    render();
  };
  window.addEventListener("beforeprint", print(true));
  window.addEventListener("afterprint", print(false));
  // Scrolling happens in the panel or, on some screens, in the page: both are heard here.
  document.addEventListener("scroll", render, { capture: true, passive: true });
  return {
    element: list,
    show(next) {
      ids = next;
      render();
    },
  };
}
