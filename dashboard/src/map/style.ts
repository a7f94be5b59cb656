// src/map/style.ts - colours and line styles of fences; each intent has a dash of its own as well.
import { Circle as CircleStyle, Fill, Stroke, Style, Text } from "ol/style.js";
import type { FeatureLike } from "ol/Feature.js";
import type Geometry from "ol/geom/Geometry.js";
import MultiPoint from "ol/geom/MultiPoint.js";
import Point from "ol/geom/Point.js";
import { labelOf } from "../format.ts";
import { isolated } from "../i18n.ts";
import type { Fence, Intent } from "../types.ts";

/** Told apart by people who see red and green alike (Okabe and Ito's palette). */
const COLORS: Record<Intent, string> = {
  "keep-in": "#009e73",
  "keep-out": "#d55e00",
  info: "#0072b2",
};
const INFO_AT_NIGHT = "#56b4e9";
const DASHES: Record<Intent, number[] | undefined> = {
  "keep-in": undefined,
  "keep-out": [12, 7],
  info: [2, 6],
};
const SIGNS: Record<Intent, string> = { "keep-in": "▣", "keep-out": "⊘", info: "○" };
const SAFE_COLOR = /^#[0-9a-f]{6}$/i;
const HANDLE_RADIUS_PX = 11;
const NAMED_PX_MIN = 48;
const LEVEL_M = 0.5; // corners whose heights differ less are on one level

export function intentSign(intent: Intent): string {
  return SIGNS[intent];
}

function colorOf({ properties: { color, intent } }: Fence, isDark: boolean): string {
  const isOwn = color && SAFE_COLOR.test(color);
  return isOwn ? color : isDark && intent === "info" ? INFO_AT_NIGHT : COLORS[intent];
}

/** The width of a corridor on the ground, in pixels there. */
export function corridorWidth_px(width_m: number, lat: number, resolution: number): number {
  return Math.max(2, width_m / (resolution * Math.cos((lat * Math.PI) / 180)));
}

/** The northernmost corner, or the middle of several; of a circle its top. */
function topOf(geometry: Geometry): Point {
  const [west = 0, , east = 0, north = 0] = geometry.getExtent();
  const corners = linesOf(geometry)
    .flatMap((line) => line.map(([x = 0, y = 0]) => ({ x, y })))
    .filter(({ y }) => north - y < LEVEL_M);
  const xs = corners.length > 0 ? corners.map(({ x }) => x) : [west, east];
  return new Point([(Math.min(...xs) + Math.max(...xs)) / 2, north]);
}

export interface FenceLook {
  isSelected: boolean;
  isDark: boolean;
  /** There are so many fences that the names of small ones would hide them all. */
  isCrowded: boolean;
}

/** Whether a fence is too small on the screen for a name above it. */
function isTiny(feature: FeatureLike, resolution: number): boolean {
  const [west = 0, south = 0, east = 0, north = 0] = feature.getGeometry()?.getExtent() ?? [];
  return Math.max(east - west, north - south) / resolution < NAMED_PX_MIN;
}

export function fenceStyle(
  feature: FeatureLike,
  resolution: number,
  { isSelected, isDark, isCrowded }: FenceLook,
): Style[] {
  const fence = feature.get("fence") as Fence;
  const intent = fence.properties.intent;
  const color = colorOf(fence, isDark);
  const halo = isDark ? "#101512" : "#ffffff";
  const label = new Text({
    text: `${SIGNS[intent]} ${isolated(labelOf(fence.properties.name))}`,
    font: "600 14px system-ui, sans-serif",
    fill: new Fill({ color: isDark ? "#f2f5f0" : "#16211a" }),
    stroke: new Stroke({ color: halo, width: 4 }),
    overflow: true,
    placement: "point",
    textBaseline: "bottom",
    offsetY: -6,
  });
  // Above the fence, where its animals do not stand on it.
  const sign = new Style({
    text: label,
    geometry: (fenced) => topOf(fenced.getGeometry() as Geometry),
  });
  const named = isCrowded && !isSelected && isTiny(feature, resolution) ? [] : [sign];
  const dash = DASHES[intent];
  const width = isSelected ? 5 : 3;
  const line = new Stroke({ color, width, ...(dash ? { lineDash: dash } : {}) });
  if (fence.geometry.type === "LineString") {
    const lat = fence.geometry.coordinates[0]?.[1] ?? 0;
    const corridor = corridorWidth_px(fence.properties.width_m ?? 1, lat, resolution);
    return [
      new Style({ stroke: new Stroke({ color: `${color}33`, width: corridor, lineCap: "round" }) }),
      new Style({ stroke: line }),
      ...named,
    ];
  }
  return [
    new Style({ stroke: new Stroke({ color: halo, width: isSelected ? 9 : 6 }) }),
    new Style({ stroke: line, fill: new Fill({ color: `${color}22` }) }),
    ...named,
  ];
}

/** A corner that a glove can take hold of: what is drawn is smaller than what can be touched. */
function handleStyle(corners: (geometry: Geometry) => number[][]): Style {
  return new Style({
    image: new CircleStyle({
      radius: HANDLE_RADIUS_PX,
      fill: new Fill({ color: "#ffffff" }),
      stroke: new Stroke({ color: "#5b2a86", width: 4 }),
    }),
    geometry: (feature) => {
      const geometry = feature.getGeometry();
      return geometry ? new MultiPoint(corners(geometry as Geometry)) : undefined;
    },
  });
}

function cornersOf(geometry: Geometry): number[][] {
  if (geometry.getType() === "Circle") {
    const circle = geometry as Geometry & { getCenter(): number[]; getLastCoordinate(): number[] };
    return [circle.getCenter(), circle.getLastCoordinate()];
  }
  return linesOf(geometry).flat();
}

const LABEL_PX_MIN = 70; // shorter edges have no room for their length

/** The length of each edge, written at its middle. */
function lengthStyles(geometry: Geometry, resolution: number, text: LengthText): Style[] {
  const styles: Style[] = [];
  for (const line of linesOf(geometry)) {
    for (let i = 1; i < line.length; i++) {
      const [ax = 0, ay = 0] = line[i - 1] ?? [];
      const [bx = 0, by = 0] = line[i] ?? [];
      if (Math.hypot(bx - ax, by - ay) / resolution < LABEL_PX_MIN) {
        continue;
      }
      styles.push(
        new Style({
          geometry: new Point([(ax + bx) / 2, (ay + by) / 2]),
          text: new Text({
            text: text([ax, ay], [bx, by]),
            font: "600 14px system-ui, sans-serif",
            fill: new Fill({ color: "#16211a" }),
            stroke: new Stroke({ color: "#ffffff", width: 4 }),
          }),
        }),
      );
    }
  }
  return styles;
}

/** The words for the way between two places of the map. */
export type LengthText = (a: number[], b: number[]) => string;

/** Rings and lines of corners, whatever the kind; a circle has none. */
function linesOf(geometry: Geometry): number[][][] {
  const lines: number[][][] = [];
  const walk = (part: unknown): void => {
    if (Array.isArray(part) && Array.isArray(part[0]) && typeof part[0][0] === "number") {
      lines.push(part as number[][]);
    } else if (Array.isArray(part)) {
      part.forEach(walk);
    }
  };
  if (geometry.getType() !== "Circle") {
    walk((geometry as Geometry & { getCoordinates(): unknown }).getCoordinates());
  }
  return lines;
}

export function draftStyle(
  geometry: Geometry | undefined,
  resolution: number,
  width_px: number | null,
  text: LengthText,
): Style[] {
  const styles = [
    new Style({ stroke: new Stroke({ color: "#ffffff", width: 7 }) }),
    new Style({
      stroke: new Stroke({ color: "#5b2a86", width: 4 }),
      fill: new Fill({ color: "#5b2a8633" }),
    }),
    handleStyle(cornersOf),
    ...(geometry ? lengthStyles(geometry, resolution, text) : []),
  ];
  if (width_px !== null) {
    styles.unshift(
      new Style({
        stroke: new Stroke({ color: "#5b2a8655", width: width_px, lineCap: "round" }),
      }),
    );
  }
  return styles;
}

/** The corner under the pointer, or the one that a tap would add; to be seen on any ground. */
const pointerLine = new Style({
  image: new CircleStyle({
    radius: HANDLE_RADIUS_PX + 4,
    fill: new Fill({ color: "#ffd54a" }),
    stroke: new Stroke({ color: "#16211a", width: 3 }),
  }),
  stroke: new Stroke({ color: "#5b2a86", width: 3, lineDash: [8, 6] }),
  fill: new Fill({ color: "#5b2a8622" }),
});
export const pointerStyle = [
  new Style({ stroke: new Stroke({ color: "#ffffffcc", width: 6 }) }),
  pointerLine,
];

/** What somebody else has saved while one was drawing. */
export const theirsStyle = [
  new Style({ stroke: new Stroke({ color: "#ffffff", width: 8 }) }),
  new Style({ stroke: new Stroke({ color: "#cc79a7", width: 5, lineDash: [4, 8] }) }),
];

export const warningStyle = new Style({
  image: new CircleStyle({
    radius: 16,
    stroke: new Stroke({ color: "#d55e00", width: 5 }),
  }),
});
