// src/views/escaped.ts - animals that are out stay on top, whatever is looked at, until they are
// back; the newest in one line, the others behind a button.
import type { App } from "../app.ts";
import { deviceName, fenceName, showAnimal } from "../app.ts";
import { fill, h, syncList } from "../dom.ts";
import type { Format } from "../format.ts";
import { outNow } from "../state.ts";
import type { HrEvent } from "../types.ts";

const SAME_DAY_MS = 12 * 3_600_000;
const REFRESH_MS = 60_000;

function show(app: App, { device, lon, lat }: HrEvent): void {
  void showAnimal(app, device, lon === undefined || lat === undefined ? null : [lon, lat]);
}

/** Hours and minutes while they can be of no other day. */
export function sinceText(format: Format, time: string, nowMs: number): string {
  return nowMs - Date.parse(time) < SAME_DAY_MS ? format.minute(time) : format.moment(time);
}

function textOf(app: App, event: HrEvent): string {
  const { t, format, clock } = app;
  return t(event.kind === "exit" ? "escaped.out" : "escaped.in", {
    fence: event.fence_name ?? fenceName(app, event.fence),
    time: sinceText(format, event.time, clock.now()),
  });
}

function row(app: App, event: HrEvent): HTMLElement {
  const { t } = app;
  const name = deviceName(app, event.device);
  const text = textOf(app, event);
  return h(
    "li",
    { "data-escaped": event.device },
    h(
      "button",
      { onclick: () => show(app, event) },
      h("span", { role: "img", "aria-label": t("severity.alarm") }, "◆"),
      h("strong", {}, name),
      " ",
      h("span", { class: "what" }, text),
      " ",
      h("span", { class: "go" }, t("show_on_map")),
    ),
  );
}

export function escapedBar(app: App): HTMLElement {
  const { t, store } = app;
  const list = h("ul", {});
  const more = h("button", { class: "more", "aria-expanded": "false" });
  const bar = h("section", { class: "escaped", "aria-label": t("escaped.title") }, list, more);
  let isOpen = false;
  const render = (): void => {
    // Without its name, a fence would be called by what programs call it.
    const events = store.state.areFencesKnown ? outNow(store.state, app.clock.now()) : [];
    events.sort((a, b) => b.offset - a.offset);
    bar.hidden = events.length === 0;
    bar.classList.toggle("is-open", isOpen);
    more.hidden = events.length < 2;
    more.setAttribute("aria-expanded", String(isOpen));
    fill(
      more,
      isOpen ? t("escaped.less") : `+${events.length - 1}`,
      !isOpen && h("span", { class: "word" }, ` ${t("escaped.more")}`),
    );
    const stamp = (event: HrEvent): string =>
      `${deviceName(app, event.device)} ${textOf(app, event)}`;
    syncList(list, events, (event) => event.id, stamp, (event) => row(app, event));
  };
  more.addEventListener("click", () => {
    isOpen = !isOpen;
    render();
  });
  store.on(["escaped", "fences", "devices"], render);
  // A day ends, and a fence expires, though nothing happens.
  setInterval(render, REFRESH_MS);
  render();
  return bar;
}
