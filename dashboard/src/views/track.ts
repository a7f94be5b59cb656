// src/views/track.ts - where an animal was: the line on the map, a slider through time, files.
import type { App } from "../app.ts";
import { attempt } from "../app.ts";
import { field, folded, h, toggle } from "../dom.ts";
import { length_m } from "../shape.ts";
import type { TrackPoint } from "../state.ts";
import type { HrEvent, Position } from "../types.ts";
import { stayList, staysOf } from "./stays.ts";

const HOURS: readonly number[] = [1, 6, 24, 168];
const PLAY_MS = 60;
const FORMATS = ["GPX", "CSV", "GeoJSON"] as const;

/** A line, with the time of each place beside it; null: there is none. */
interface TrackAnswer {
  geometry: { coordinates: Position[] } | null;
  properties: { times: string[] };
}

export function readTrack({ geometry, properties: { times } }: TrackAnswer): TrackPoint[] {
  return (geometry?.coordinates ?? []).map(([lon, lat], i) => ({
    lon,
    lat,
    timeMs: Date.parse(times[i] ?? ""),
  }));
}

function player(app: App, text: HTMLElement): HTMLElement {
  const { t, store, format } = app;
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0 });
  const play = h("button", { type: "button" }, t("track.play"));
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    play.textContent = t("track.play");
  };
  const go = (at: number): void => {
    const { track } = store.state;
    if (track) {
      store.set({ track: { ...track, at } });
    }
  };
  slider.addEventListener("input", () => go(Number(slider.value)));
  play.addEventListener("click", () => {
    if (timer !== undefined) {
      stop();
      return;
    }
    play.textContent = t("track.pause");
    timer = setInterval(() => {
      const { track } = store.state;
      const last = (track?.points.length ?? 0) - 1;
      if (!track || !slider.isConnected || track.at >= last) {
        stop();
      } else {
        go(Math.min(last, track.at + Math.max(1, Math.round(last / 200))));
      }
    }, PLAY_MS);
  });
  const end = store.on(["track"], () => {
    const { track } = store.state;
    if (!track) {
      stop();
      end();
      return;
    }
    slider.max = String(Math.max(0, track.points.length - 1));
    slider.value = String(track.at);
    const point = track.points[track.at];
    text.textContent = point ? format.moment(point.timeMs) : "";
    slider.setAttribute("aria-valuetext", text.textContent);
  });
  return h("div", {}, field(t("track.time"), slider), h("div", { class: "row" }, play));
}

export function trackPart(app: App, id: string): HTMLElement {
  const { t, store, format } = app;
  const summary = h("p", { role: "status" });
  const time = h("p", {});
  const result = h("div", {});
  const spanText = (n: number): string =>
    n < 48 ? t("age.h", { n }) : t("age.days", { n: n / 24 });
  const hours = h(
    "select",
    {},
    ...HOURS.map((n) => h("option", { value: n, selected: n === 24 }, spanText(n))),
  );
  const span = (): { fromMs: number; toMs: number } => {
    const toMs = app.clock.now();
    return { fromMs: toMs - Number(hours.value) * 3_600_000, toMs };
  };
  const range = ({ fromMs, toMs } = span()): string =>
    `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
  const path = `/v1/devices/${encodeURIComponent(id)}/track`;
  let asks = 0;
  const show = async (): Promise<void> => {
    const ask = ++asks;
    const { fromMs, toMs } = span();
    const when = range({ fromMs, toMs });
    const device = encodeURIComponent(id);
    const [answer, { events }] = await Promise.all([
      app.api.get<TrackAnswer>(`${path}?${when}&format=geojson`),
      app.api.get<{ events: HrEvent[] }>(`/v1/events?device=${device}&${when}&limit=10000`),
    ]);
    // Another span is wanted by now, or another animal is looked at: its card is gone with this.
    if (ask !== asks || !part.closest(".card")?.parentElement) {
      return;
    }
    const points = readTrack(answer);
    result.replaceChildren();
    if (points.length === 0) {
      store.set({ track: null });
      summary.textContent = t("track.none");
      return;
    }
    const line = points.map((p): Position => [p.lon, p.lat]);
    summary.textContent = t("track.sum", {
      n: format.number(points.length),
      length: format.length(length_m(line)),
    });
    const heat = toggle(t("track.heat"), false, (isHeat) => {
      const { track } = store.state;
      if (track) {
        store.set({ track: { ...track, isHeat } });
      }
    });
    const stays = stayList(app, staysOf(events, points, fromMs, toMs));
    result.append(player(app, time), time, heat, stays);
    store.set({ track: { device: id, points, at: points.length - 1, isHeat: false } });
    app.map.showTrack();
  };
  const download = (format: string): void => {
    const kind = format.toLowerCase();
    const link = h("a", { href: `${path}?${range()}&format=${kind}`, download: `${id}.${kind}` });
    link.click();
  };
  const part = folded(
    t("track.title"),
    field(t("track.back"), hours),
    h(
      "div",
      { class: "row" },
      h("button", { class: "primary", onclick: () => void attempt(app, show) }, t("track.show")),
      h(
        "button",
        {
          onclick: () => {
            asks++;
            result.replaceChildren();
            summary.textContent = "";
            store.set({ track: null });
          },
        },
        t("track.clear"),
      ),
    ),
    summary,
    result,
    h(
      "div",
      { class: "row", role: "group", "aria-label": t("track.export") },
      ...FORMATS.map((kind) => h("button", { onclick: () => download(kind) }, kind)),
    ),
  );
  return part;
}
