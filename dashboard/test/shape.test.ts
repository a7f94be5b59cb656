// test/shape.test.ts - areas, lengths, warnings, and shapes as GeoJSON.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  area_m2,
  boundary_m,
  boxOf,
  distance_m,
  findCrossing,
  fromGeometry,
  isHopeless,
  toGeometry,
  warningsOf,
  withHole,
} from "../src/shape.ts";
import type { Shape } from "../src/shape.ts";
import type { Position } from "../src/types.ts";

// Metres of a degree at 59 degrees north, by the series that surveyors print in tables.
const EAST_M = 57_475.28;
const NORTH_M = 111_395.12;

function at(east: number, north: number): Position {
  return [16 + east / EAST_M, 59 + north / NORTH_M];
}
function polygon(...rings: [number, number][][]): Shape {
  const closed = rings.map((ring) => [...ring, ring[0]!].map(([x, y]) => at(x, y)));
  return { kind: "polygon", polygons: [closed] };
}
const SQUARE: [number, number][] = [[0, 0], [100, 0], [100, 100], [0, 100]];
const HOLE: [number, number][] = [[20, 20], [40, 20], [40, 40], [20, 40]];

function near(actual: number, wanted: number): void {
  assert.ok(Math.abs(actual - wanted) < wanted * 2e-5, `${actual}, wanted ${wanted}`);
}

test("areas and boundaries are those of the ground, holes taken off", () => {
  near(distance_m([0, 0], [0, 1]), 110_574.4);
  near(distance_m([16, 59], [16.01, 59]), EAST_M / 100);
  near(distance_m([16, 59.0001], [16, 59]), NORTH_M / 10_000);
  near(area_m2(polygon(SQUARE)), 10_000);
  near(area_m2(polygon(SQUARE, HOLE)), 9600);
  near(boundary_m(polygon(SQUARE, HOLE)), 480);
  near(area_m2({ kind: "circle", center: at(0, 0), radius_m: 10 }), 314.159);
  near(area_m2({ kind: "corridor", line: [at(0, 0), at(0, 100)], width_m: 10 }), 1078.54);
});

test("a line that crosses itself is found, wherever the ring begins", () => {
  const bow: [number, number][] = [[0, 0], [100, 100], [100, 0], [0, 100]];
  for (let i = 0; i < bow.length; i++) {
    const shape = polygon([...bow.slice(i), ...bow.slice(0, i)]);
    assert.ok(isHopeless(warningsOf(shape)), `from corner ${i}`);
  }
  assert.deepEqual(warningsOf(polygon(SQUARE, HOLE)), []);
});

test("a ring of random corners around a middle never crosses itself", () => {
  let seed = 20_261_120;
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  for (let round = 0; round < 50; round++) {
    const count = 4 + Math.floor(random() * 40);
    const ring = Array.from({ length: count }, (_, i): Position => {
      const angle = (2 * Math.PI * (i + 0.1 + 0.8 * random())) / count;
      const reach = 50 + 100 * random();
      return at(reach * Math.cos(angle), reach * Math.sin(angle));
    });
    assert.equal(findCrossing([[...ring, ring[0]!]]), null, `seed 20261120, round ${round}`);
  }
});

test("a hole that leaves its fence, a tiny edge and a sharp corner are told", () => {
  const codes = (shape: Shape): string[] => warningsOf(shape).map((warning) => warning.code);
  const far: [number, number][] = [[200, 0], [220, 0], [220, 20]];
  assert.ok(codes(polygon(SQUARE, far)).includes("outside"));
  assert.ok(codes(polygon([[0, 0], [0.4, 0], [100, 0], [50, 100]])).includes("short"));
  assert.ok(codes(polygon([[0, 0], [100, 0], [3, 3], [100, 4]])).includes("sharp"));
  assert.deepEqual(codes({ kind: "corridor", line: [at(0, 0)], width_m: 5 }), ["few"]);
});

test("shapes survive the way to GeoJSON and back; rings are wound as it asks", () => {
  const clockwise = polygon([...SQUARE].reverse());
  const { geometry } = toGeometry(clockwise);
  assert.equal(geometry.type, "Polygon");
  const ring = (geometry.coordinates as Position[][])[0]!;
  assert.ok(ring[1]![0] > ring[0]![0] || ring[1]![1] > ring[0]![1] || ring[2]![0] > ring[0]![0]);
  near(area_m2(fromGeometry(geometry, {})), 10_000);
  const circle: Shape = { kind: "circle", center: [16, 59], radius_m: 75.5 };
  const out = toGeometry(circle);
  assert.deepEqual(fromGeometry(out.geometry, out.properties), circle);
  const way: Shape = { kind: "corridor", line: [[16, 59], [16.1, 59]], width_m: 12 };
  const line = toGeometry(way);
  assert.deepEqual(fromGeometry(line.geometry, line.properties), way);
});

test("corners said twice and holes that touch in a corner are no crossing", () => {
  const twice = polygon([[0, 0], [100, 0], [100, 0], [100, 100], [0, 100]]);
  assert.equal(isHopeless(warningsOf(twice)), false);
  const touching = polygon(SQUARE, [[0, 0], [40, 20], [40, 40]]);
  assert.equal(isHopeless(warningsOf(touching)), false);
  const through = polygon(SQUARE, [[-10, 50], [40, 20], [40, 40]]);
  assert.equal(isHopeless(warningsOf(through)), true);
});

test("a fence over the date line is small, whole, and sent within 180 degrees", () => {
  const ring: Position[] = [
    [179.99, -17], [-179.99, -17], [-179.99, -16.99], [179.99, -16.99], [179.99, -17],
  ];
  const shape = fromGeometry({ type: "Polygon", coordinates: [ring] }, {});
  const [west, , east] = boxOf(shape);
  assert.ok(east - west < 0.03, `${west} to ${east}`);
  assert.deepEqual(warningsOf(shape), []);
  near(area_m2(shape), 2_357_003);
  assert.deepEqual(toGeometry(shape).geometry, { type: "Polygon", coordinates: [ring] });
});

test("a hole goes into the part of the fence that it lies in", () => {
  const parts = [polygon(SQUARE), polygon(SQUARE.map(([x, y]) => [x + 200, y]))];
  const polygons = parts.flatMap((part) => (part.kind === "polygon" ? part.polygons : []));
  const [hole] = (polygon(HOLE.map(([x, y]) => [x + 200, y])) as typeof parts[0] & {
    polygons: Position[][][];
  }).polygons[0]!;
  const shape = withHole({ kind: "polygon", polygons }, hole!);
  assert.deepEqual(warningsOf(shape), []);
});
