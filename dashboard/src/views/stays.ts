// src/views/stays.ts - how long an animal was in which fence, and how exactly that is known.
import type { App } from "../app.ts";
import { fenceName } from "../app.ts";
import { fill, h } from "../dom.ts";
import type { TrackPoint } from "../state.ts";
import type { HrEvent } from "../types.ts";

export interface Stay {
  fence: string;
  ms: number;
  /** The ends of stays lie between two fixes; so much may be missing or too much. */
  error_ms: number;
  visits: number;
  isOpen: boolean;
}

/** The time since the fix before: nobody has seen when in between the line was crossed. */
function gapBefore(points: readonly TrackPoint[], timeMs: number): number {
  let before = -1;
  for (const point of points) {
    if (point.timeMs >= timeMs) {
      break;
    }
    before = point.timeMs;
  }
  return before < 0 ? 0 : timeMs - before;
}

/** Events are of one animal, oldest first, within the span. */
export function staysOf(
  events: readonly HrEvent[],
  points: readonly TrackPoint[],
  fromMs: number,
  toMs: number,
): Stay[] {
  const stays = new Map<string, Stay>();
  const since = new Map<string, number>();
  const stayIn = (fence: string): Stay => {
    const stay = stays.get(fence) ?? { fence, ms: 0, error_ms: 0, visits: 0, isOpen: false };
    stays.set(fence, stay);
    return stay;
  };
  for (const event of events) {
    if (event.fence === null || (event.kind !== "enter" && event.kind !== "exit")) {
      continue;
    }
    const seenMs = Date.parse(event.time);
    const atMs = event.crossing ? Date.parse(event.crossing.time) : seenMs;
    const stay = stayIn(event.fence);
    stay.error_ms += event.cause === "fix" ? gapBefore(points, seenMs) : 0;
    if (event.kind === "enter") {
      stay.visits++;
      since.set(event.fence, atMs);
    } else {
      // Without an entry in the span it was inside from the beginning.
      const begin = since.get(event.fence) ?? fromMs;
      stay.visits += since.has(event.fence) ? 0 : 1;
      stay.ms += Math.max(0, atMs - begin);
      since.delete(event.fence);
    }
  }
  for (const [fence, begin] of since) {
    const stay = stayIn(fence);
    stay.ms += Math.max(0, toMs - begin);
    stay.isOpen = true;
  }
  return [...stays.values()].sort((a, b) => b.ms - a.ms);
}

export function stayList(app: App, stays: readonly Stay[]): HTMLElement {
  const { t, format } = app;
  const list = h("ul", { class: "items" });
  fill(
    list,
    ...stays.map((stay) =>
      h(
        "li",
        { "data-stay": stay.fence },
        h(
          "span",
          { class: "text" },
          h("strong", {}, fenceName(app, stay.fence)),
          h("span", {}, t("stays.row", {
            time: format.age(stay.ms),
            error: format.age(stay.error_ms),
          })),
          h(
            "small",
            {},
            t("stays.visits", { n: stay.visits }),
            stay.isOpen && ` · ${t("stays.open")}`,
          ),
        ),
      ),
    ),
  );
  const empty = stays.length === 0 && h("p", { class: "hint" }, t("stays.none"));
  return h("div", {}, h("h3", {}, t("stays.title")), empty, list);
}
