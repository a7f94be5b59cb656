// src/views/tools.ts - measuring on the map, and one's own position where the browser allows it.
import LineString from "ol/geom/LineString.js";
import Draw from "ol/interaction/Draw.js";
import { tell } from "../app.ts";
import { h, onSubmit } from "../dom.ts";
import { shapeOf } from "../map/convert.ts";
import { pointerStyle } from "../map/style.ts";
import { length_m } from "../shape.ts";
import type { Position } from "../types.ts";
import type { Parts } from "./shell.ts";

export function measurePart({ app, farm }: Parts): HTMLElement {
  const { t, store, format } = app;
  const result = h("output", {});
  let draw: Draw | null = null;
  const button = h("button", { "aria-pressed": "false" }, t("measure.title"));
  const stop = (): void => {
    if (draw) {
      farm.map.removeInteraction(draw);
      draw = null;
    }
    button.setAttribute("aria-pressed", "false");
    store.set({ measuring: false });
  };
  const start = (): void => {
    draw = new Draw({ type: "LineString", style: pointerStyle, stopClick: true });
    draw.on("drawstart", ({ feature }) => {
      feature.getGeometry()?.on("change", (event) => {
        const shape = shapeOf(event.target as LineString, 0);
        result.textContent = shape?.kind === "corridor" ? format.length(length_m(shape.line)) : "";
      });
    });
    farm.map.addInteraction(draw);
    button.setAttribute("aria-pressed", "true");
    store.set({ measuring: true });
  };
  button.addEventListener("click", () => (draw ? stop() : start()));
  store.on(["draft"], () => {
    if (store.state.draft) {
      stop();
    }
  });
  return h("div", { class: "row" }, button, result);
}

export function canLocate(): boolean {
  return "geolocation" in navigator && window.isSecureContext;
}

export function positionPart({ app, farm }: Parts): HTMLElement {
  const { t } = app;
  if (!canLocate()) {
    return h("p", { class: "hint" }, t("position.unsafe"));
  }
  let watch: number | null = null;
  const text = h("output", {});
  const button = h("button", { "aria-pressed": "false" }, t("position.title"));
  const stop = (): void => {
    if (watch !== null) {
      navigator.geolocation.clearWatch(watch);
    }
    watch = null;
    farm.hideOwnPosition();
    button.setAttribute("aria-pressed", "false");
    text.textContent = "";
  };
  button.addEventListener("click", () => {
    if (watch !== null) {
      stop();
      return;
    }
    let isFirst = true;
    button.setAttribute("aria-pressed", "true");
    watch = navigator.geolocation.watchPosition(
      ({ coords }) => {
        const here: Position = [coords.longitude, coords.latitude];
        farm.showOwnPosition(here, coords.accuracy);
        text.textContent = `± ${app.format.length(coords.accuracy)}`;
        if (isFirst) {
          isFirst = false;
          farm.showPlace(here);
        }
      },
      ({ code, PERMISSION_DENIED }) => {
        if (code === PERMISSION_DENIED) {
          stop();
        }
        text.textContent = t(code === PERMISSION_DENIED ? "position.refused" : "position.waiting");
      },
      { enableHighAccuracy: true },
    );
  });
  return h("div", { class: "row" }, button, text);
}

// Ö and O are east, V is west: as the page itself writes places in Swedish and German.
const LETTER = "([NSEOÖWV])?";
const WITH_POINTS = partOf("\\d+(?:\\.\\d+)?");
const WITH_COMMAS = partOf("\\d+,\\d+");

function partOf(digits: string): RegExp {
  return new RegExp(`${LETTER}\\s*(-?${digits})\\s*°?\\s*${LETTER}`, "g");
}

/**
 * "59.85, 16.37", also "59,85 16,37", and with degree signs and compass letters as maps give them;
 * null: no place.
 */
export function readPlace(text: string): Position | null {
  const upper = text.toUpperCase();
  const withCommas = upper.includes(".") ? [] : [...upper.matchAll(WITH_COMMAS)];
  const parts = withCommas.length === 2 ? withCommas : [...upper.matchAll(WITH_POINTS)];
  const [lat, lon] = parts.map(([, before = "", digits = "", after = ""]) => {
    const number = Number(digits.replace(",", "."));
    return ["S", "W", "V"].includes(before || after) ? -number : number;
  });
  const isPlace =
    parts.length === 2 && Math.abs(lat ?? NaN) <= 85 && Math.abs(lon ?? NaN) <= 180;
  return isPlace ? [lon!, lat!] : null;
}

/** A new farm begins somewhere on an empty map. */
export function goPart({ app, farm }: Parts): HTMLElement {
  const { t } = app;
  const input = h("input", {
    name: "go",
    placeholder: "59.850, 16.370",
    "aria-label": t("go.place"),
    autocomplete: "off",
  });
  const form = h(
    "form",
    { class: "search" },
    input,
    h("button", {}, t("go.button")),
  );
  onSubmit(form, () => {
    const place = readPlace(input.value);
    if (place) {
      farm.showPlace(place);
    } else {
      tell(app, t("go.wrong"), "bad");
    }
  });
  return form;
}
