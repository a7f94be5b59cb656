// src/views/corners.ts - the corners of a shape as numbers, for exact places and without a pointer.
import type { App } from "../app.ts";
import { fill, h } from "../dom.ts";
import { pushShape } from "../draft.ts";
import type { Shape } from "../shape.ts";
import { distance_m } from "../shape.ts";
import type { Position } from "../types.ts";

const ROWS_MAX = 200;

/** The line that is edited as numbers: the first outer ring without its closing corner. */
export function cornersOf(shape: Shape): Position[] {
  switch (shape.kind) {
    case "circle":
      return [shape.center];
    case "corridor":
      return shape.line;
    case "polygon":
      return (shape.polygons[0]?.[0] ?? []).slice(0, -1);
  }
}

export function withCorner(shape: Shape, index: number, position: Position): Shape {
  const corners = cornersOf(shape).with(index, position);
  switch (shape.kind) {
    case "circle":
      return { ...shape, center: position };
    case "corridor":
      return { ...shape, line: corners };
    case "polygon": {
      const [first = [], ...others] = shape.polygons;
      const ring = [...corners, corners[0] as Position];
      return { kind: "polygon", polygons: [[ring, ...first.slice(1)], ...others] };
    }
  }
}

export function cornersPart(app: App): HTMLElement {
  const { t, store, format } = app;
  const body = h("tbody", {});
  const part = h(
    "details",
    { class: "corners" },
    h("summary", {}, t("corners.title")),
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...["#", t("corners.lat"), t("corners.lon"), t("corners.next")]
        .map((text) => h("th", { scope: "col" }, text)))),
      body,
    ),
  );
  let shown: Shape | null = null;
  const input = (value: number, label: string, set: (value: number) => void): HTMLElement => {
    const control = h("input", { type: "number", step: "any", value, "aria-label": label });
    control.addEventListener("change", () => {
      if (Number.isFinite(control.valueAsNumber)) {
        set(control.valueAsNumber);
      }
    });
    return h("td", {}, control);
  };
  const render = (): void => {
    const shape = store.state.draft?.history?.present ?? null;
    if (!shape || shape === shown || !part.open) {
      return;
    }
    shown = shape;
    const corners = cornersOf(shape);
    const isClosed = shape.kind === "polygon";
    fill(
      body,
      ...corners.slice(0, ROWS_MAX).map((corner, i) => {
        const [lon, lat] = corner;
        const next = corners[i + 1] ?? (isClosed ? corners[0] : undefined);
        const set = (position: Position): void => pushShape(app, withCorner(shape, i, position));
        return h(
          "tr",
          {},
          h("td", {}, i + 1),
          input(lat, `${t("corners.lat")} ${i + 1}`, (value) => set([lon, value])),
          input(lon, `${t("corners.lon")} ${i + 1}`, (value) => set([value, lat])),
          h("td", {}, next ? format.length(distance_m(corner, next)) : ""),
        );
      }),
    );
  };
  part.addEventListener("toggle", render);
  const end = store.on(["draft"], () => {
    if (!store.state.draft) {
      end();
    }
    render();
  });
  return part;
}
