// src/shape.ts - a fence being drawn: its shape, its measures, what is wrong with it. Pure.
import type { Geometry, Position } from "./types.ts";

export type Shape =
  | { kind: "polygon"; polygons: Position[][][] } // closed rings, as in GeoJSON
  | { kind: "circle"; center: Position; radius_m: number }
  | { kind: "corridor"; line: Position[]; width_m: number };
export type ShapeKind = Shape["kind"];

// The ellipsoid of GPS, as the service measures: a sphere would be some tenths of a per cent off.
const EQUATOR_M = 6378137;
const FLATTENING = 1 / 298.257223563;
const ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING);
const RAD = Math.PI / 180;
const EDGE_M_MIN = 1;
const CORNER_DEG_MIN = 5;

/** Metres of a degree to the east and of one to the north. */
function degreeAt_m(lat: number): { east: number; north: number } {
  const w = 1 - ECCENTRICITY_2 * Math.sin(lat * RAD) ** 2;
  const across = (EQUATOR_M * RAD) / Math.sqrt(w);
  return { east: across * Math.cos(lat * RAD), north: (across * (1 - ECCENTRICITY_2)) / w };
}

/** Metres east and north of an origin; areas are those of the ground. */
function planeAt(origin: Position): (p: Position) => [number, number] {
  return ([lon, lat]) => {
    const dlon = ((((lon - origin[0] + 180) % 360) + 360) % 360) - 180;
    const dlat = lat - origin[1];
    return [dlon * degreeAt_m(lat).east, dlat * degreeAt_m(origin[1] + dlat / 2).north];
  };
}

/** Lambert's formula: the angle between the two on a sphere, put right for the flattening. */
export function distance_m(a: Position, b: Position): number {
  const [from, to] = [a, b].map(([, lat]) => Math.atan((1 - FLATTENING) * Math.tan(lat * RAD)));
  const middle = (from! + to!) / 2;
  const half = (to! - from!) / 2;
  const across = Math.cos(from!) * Math.cos(to!) * Math.sin(((b[0] - a[0]) * RAD) / 2) ** 2;
  const angle = 2 * Math.asin(Math.min(1, Math.sqrt(Math.sin(half) ** 2 + across)));
  if (angle === 0) {
    return 0;
  }
  const sin = Math.sin(angle);
  const x = (angle - sin) * ((Math.sin(middle) * Math.cos(half)) / Math.cos(angle / 2)) ** 2;
  const y = (angle + sin) * ((Math.cos(middle) * Math.sin(half)) / Math.sin(angle / 2)) ** 2;
  return EQUATOR_M * (angle - (FLATTENING / 2) * (x + y));
}

export function length_m(line: readonly Position[]): number {
  let sum = 0;
  for (let i = 1; i < line.length; i++) {
    sum += distance_m(line[i - 1] as Position, line[i] as Position);
  }
  return sum;
}

/** Signed: counter-clockwise is positive. */
function ringArea_m2(ring: readonly Position[]): number {
  const first = ring[0];
  if (!first) {
    return 0;
  }
  const plane = planeAt(first);
  let twice = 0;
  let before = plane(first);
  for (const position of ring.slice(1)) {
    const here = plane(position);
    twice += before[0] * here[1] - here[0] * before[1];
    before = here;
  }
  return twice / 2;
}

export function area_m2(shape: Shape): number {
  switch (shape.kind) {
    case "circle":
      return Math.PI * shape.radius_m ** 2;
    case "corridor":
      return length_m(shape.line) * shape.width_m + Math.PI * (shape.width_m / 2) ** 2;
    case "polygon":
      return shape.polygons.reduce(
        (sum, rings) =>
          sum +
          rings.reduce((part, ring, i) => part + (i ? -1 : 1) * Math.abs(ringArea_m2(ring)), 0),
        0,
      );
  }
}

export function boundary_m(shape: Shape): number {
  switch (shape.kind) {
    case "circle":
      return 2 * Math.PI * shape.radius_m;
    case "corridor":
      return 2 * length_m(shape.line) + Math.PI * shape.width_m;
    case "polygon":
      return shape.polygons.flat().reduce((sum, ring) => sum + length_m(ring), 0);
  }
}

function turn(a: Position, b: Position, c: Position): number {
  return Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
}

function onEdge(a: Position, b: Position, p: Position): boolean {
  return (
    Math.min(a[0], b[0]) <= p[0] &&
    p[0] <= Math.max(a[0], b[0]) &&
    Math.min(a[1], b[1]) <= p[1] &&
    p[1] <= Math.max(a[1], b[1])
  );
}

function isSame(a: Position, b: Position | undefined): boolean {
  return b !== undefined && a[0] === b[0] && a[1] === b[1];
}

/** mayTouch: only edges that go through each other count. */
function edgesMeet(
  a: Position,
  b: Position,
  c: Position,
  d: Position,
  mayTouch: boolean,
): boolean {
  const t1 = turn(a, b, c);
  const t2 = turn(a, b, d);
  const t3 = turn(c, d, a);
  const t4 = turn(c, d, b);
  if (mayTouch) {
    return t1 * t2 < 0 && t3 * t4 < 0;
  }
  if (t1 !== t2 && t3 !== t4 && t1 * t2 <= 0 && t3 * t4 <= 0) {
    return true;
  }
  return (
    (t1 === 0 && onEdge(a, b, c)) ||
    (t2 === 0 && onEdge(a, b, d)) ||
    (t3 === 0 && onEdge(c, d, a)) ||
    (t4 === 0 && onEdge(c, d, b))
  );
}

export type Warning =
  | { code: "crosses"; at: Position }
  | { code: "short"; at: Position; length_m: number }
  | { code: "sharp"; at: Position; angle_deg: number }
  | { code: "outside"; at: Position }
  | { code: "few" };

/**
 * Where a ring meets itself, or rings of one polygon cross; null: nowhere. A hole may touch the
 * outline, or another hole, in a corner.
 */
export function findCrossing(rings: readonly (readonly Position[])[]): Position | null {
  const edges: { a: Position; b: Position; ring: number; i: number; last: number }[] = [];
  rings.forEach((all, number) => {
    // Files of other programs say a corner twice, which harms nothing.
    const ring = all.filter((p, i) => !isSame(p, all[i - 1]));
    for (let i = 1; i < ring.length; i++) {
      const a = ring[i - 1] as Position;
      const b = ring[i] as Position;
      edges.push({ a, b, ring: number, i, last: ring.length - 1 });
    }
  });
  // Sorted by their west ends, an edge need only be compared with those that begin before it ends.
  edges.sort((p, q) => Math.min(p.a[0], p.b[0]) - Math.min(q.a[0], q.b[0]));
  for (let m = 0; m < edges.length; m++) {
    const p = edges[m]!;
    const east = Math.max(p.a[0], p.b[0]);
    for (let n = m + 1; n < edges.length; n++) {
      const q = edges[n]!;
      if (Math.min(q.a[0], q.b[0]) > east) {
        break;
      }
      const apart = Math.abs(p.i - q.i);
      const areNeighbours = p.ring === q.ring && (apart === 1 || apart === p.last - 1);
      if (!areNeighbours && edgesMeet(p.a, p.b, q.a, q.b, p.ring !== q.ring)) {
        return q.a;
      }
    }
  }
  return null;
}

/** The boundary belongs to it. */
function covers(ring: readonly Position[], p: Position): boolean {
  let inside = false;
  for (let i = 1; i < ring.length; i++) {
    const a = ring[i - 1] as Position;
    const b = ring[i] as Position;
    const [[ax, ay], [bx, by]] = [a, b];
    if (turn(a, b, p) === 0 && onEdge(a, b, p)) {
      return true;
    }
    if (ay > p[1] !== by > p[1] && p[0] < ((bx - ax) * (p[1] - ay)) / (by - ay) + ax) {
      inside = !inside;
    }
  }
  return inside;
}

function cornerWarnings(ring: readonly Position[], found: Warning[]): void {
  const first = ring[0];
  if (!first) {
    return;
  }
  const plane = planeAt(first);
  const corners = ring.slice(0, -1);
  corners.forEach((at, i) => {
    const before = plane(corners[(i + corners.length - 1) % corners.length] as Position);
    const here = plane(at);
    const after = plane(corners[(i + 1) % corners.length] as Position);
    const u = [before[0] - here[0], before[1] - here[1]] as const;
    const v = [after[0] - here[0], after[1] - here[1]] as const;
    const edge_m = Math.hypot(v[0], v[1]);
    if (edge_m < EDGE_M_MIN) {
      found.push({ code: "short", at, length_m: edge_m });
      return;
    }
    const between = Math.abs(Math.atan2(u[0] * v[1] - u[1] * v[0], u[0] * v[0] + u[1] * v[1]));
    const angle_deg = between / RAD;
    if (angle_deg < CORNER_DEG_MIN) {
      found.push({ code: "sharp", at, angle_deg });
    }
  });
}

export function warningsOf(shape: Shape): Warning[] {
  const found: Warning[] = [];
  if (shape.kind === "corridor") {
    if (shape.line.length < 2 || length_m(shape.line) < EDGE_M_MIN) {
      found.push({ code: "few" });
    }
    return found;
  }
  if (shape.kind === "circle") {
    return shape.radius_m < EDGE_M_MIN ? [{ code: "few" }] : [];
  }
  for (const rings of shape.polygons) {
    const outer = rings[0] ?? [];
    if (rings.some((ring) => ring.length < 4)) {
      found.push({ code: "few" });
      continue;
    }
    const at = findCrossing(rings);
    if (at) {
      found.push({ code: "crosses", at });
    }
    for (const hole of rings.slice(1)) {
      const corner = hole.find((position) => !covers(outer, position));
      if (corner) {
        found.push({ code: "outside", at: corner });
      }
    }
    rings.forEach((ring) => cornerWarnings(ring, found));
  }
  return found;
}

/** Of several parts, the one that the hole begins in gets it; outside of all, the first one. */
export function withHole(shape: Shape & { kind: "polygon" }, hole: Position[]): Shape {
  const { polygons } = shape;
  const into = polygons.findIndex(([outer]) => covers(outer ?? [], hole[0]!));
  return {
    kind: "polygon",
    polygons: polygons.map((rings, i) => (i === Math.max(0, into) ? [...rings, hole] : rings)),
  };
}

/** True when saving it makes no sense: the service would refuse it. */
export function isHopeless(warnings: readonly Warning[]): boolean {
  return warnings.some((w) => w.code === "crosses" || w.code === "few" || w.code === "outside");
}

/** The same meridian, within half a turn of another one. */
function lonNear(lon: number, other: number): number {
  return lon + 360 * Math.round((other - lon) / 360);
}

/**
 * Shapes have no jump where the date line is: longitudes go on beyond 180. The service is told
 * those within 180, and says where it is not the short way that is meant.
 */
function unbroken(line: readonly Position[], from: Position | undefined): Position[] {
  let last = from?.[0] ?? line[0]?.[0] ?? 0;
  return line.map(([lon, lat]) => {
    last = lonNear(lon, last);
    return [last, lat];
  });
}

function unbrokenRings(polygons: Position[][][]): Position[][][] {
  const first = polygons[0]?.[0]?.[0];
  return polygons.map((rings) => rings.map((ring) => unbroken(ring, first)));
}

const E7 = 1e7;
function rounded([lon, lat]: Position): Position {
  const within = Math.abs(lon) > 180 ? lonNear(lon, 0) : lon;
  return [Math.round(within * E7) / E7, Math.round(lat * E7) / E7];
}

/** RFC 7946: outer rings run counter-clockwise, holes clockwise. */
function wound(ring: Position[], isOuter: boolean): Position[] {
  const right = ringArea_m2(ring) >= 0 === isOuter;
  return (right ? ring : [...ring].reverse()).map(rounded);
}

export interface ShapeProps {
  radius_m?: number | null;
  width_m?: number | null;
}

export function toGeometry(shape: Shape): { geometry: Geometry; properties: ShapeProps } {
  switch (shape.kind) {
    case "circle":
      return {
        geometry: { type: "Point", coordinates: rounded(shape.center) },
        properties: { radius_m: Math.round(shape.radius_m * 100) / 100 },
      };
    case "corridor":
      return {
        geometry: { type: "LineString", coordinates: shape.line.map(rounded) },
        properties: { width_m: shape.width_m },
      };
    case "polygon": {
      const all = shape.polygons.map((rings) => rings.map((ring, i) => wound(ring, i === 0)));
      const geometry: Geometry =
        all.length === 1
          ? { type: "Polygon", coordinates: all[0] as Position[][] }
          : { type: "MultiPolygon", coordinates: all };
      return { geometry, properties: {} };
    }
  }
}

export function fromGeometry(geometry: Geometry, properties: ShapeProps): Shape {
  switch (geometry.type) {
    case "Point":
      return {
        kind: "circle",
        center: geometry.coordinates,
        radius_m: properties.radius_m ?? 1,
      };
    case "LineString":
      return {
        kind: "corridor",
        line: unbroken(geometry.coordinates, geometry.coordinates[0]),
        width_m: properties.width_m ?? 1,
      };
    case "Polygon":
      return { kind: "polygon", polygons: unbrokenRings([geometry.coordinates]) };
    case "MultiPolygon":
      return { kind: "polygon", polygons: unbrokenRings(geometry.coordinates) };
  }
}

/** West, south, east, north of all that is in it. */
export function boxOf(shape: Shape): [number, number, number, number] {
  const reach_m =
    shape.kind === "circle" ? shape.radius_m : shape.kind === "corridor" ? shape.width_m / 2 : 0;
  const positions =
    shape.kind === "circle"
      ? [shape.center]
      : shape.kind === "corridor"
        ? shape.line
        : shape.polygons.flat(2);
  const lons = positions.map((p) => p[0]);
  const lats = positions.map((p) => p[1]);
  const dlat = reach_m / EQUATOR_M / RAD;
  const dlon = dlat / Math.max(0.01, Math.cos((lats[0] ?? 0) * RAD));
  return [
    Math.min(...lons) - dlon,
    Math.min(...lats) - dlat,
    Math.max(...lons) + dlon,
    Math.max(...lats) + dlat,
  ];
}
