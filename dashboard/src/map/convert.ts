// src/map/convert.ts - shapes in degrees to and from what OpenLayers draws in Mercator metres.
import Circle from "ol/geom/Circle.js";
import type Geometry from "ol/geom/Geometry.js";
import LineString from "ol/geom/LineString.js";
import MultiPolygon from "ol/geom/MultiPolygon.js";
import Polygon from "ol/geom/Polygon.js";
import { fromLonLat, toLonLat } from "ol/proj.js";
import { WORLD_M } from "../herd.ts";
import type { Shape } from "../shape.ts";
import type { Box, Position } from "../types.ts";

/** How much longer a metre looks on a Mercator map at that latitude. */
export function stretchAt(lat: number): number {
  return 1 / Math.cos((lat * Math.PI) / 180);
}

export function lonLat(coordinate: number[]): Position {
  const [lon = 0, lat = 0] = toLonLat(coordinate);
  return [lon, lat];
}

/** As the map goes on beyond the date line, so do the longitudes. */
function unwrapped(coordinate: number[]): Position {
  return [((coordinate[0] ?? 0) / WORLD_M) * 360, lonLat(coordinate)[1]];
}

export function toMap(position: Position): number[] {
  return fromLonLat(position);
}

export function geometryOf(shape: Shape): Geometry {
  switch (shape.kind) {
    case "circle":
      return new Circle(toMap(shape.center), shape.radius_m * stretchAt(shape.center[1]));
    case "corridor":
      return new LineString(shape.line.map(toMap));
    case "polygon": {
      const all = shape.polygons.map((rings) => rings.map((ring) => ring.map(toMap)));
      return all.length === 1 ? new Polygon(all[0] as number[][][]) : new MultiPolygon(all);
    }
  }
}

/** width_m: what a line is to become. */
export function shapeOf(geometry: Geometry, width_m: number): Shape | null {
  if (geometry instanceof Circle) {
    const center = unwrapped(geometry.getCenter());
    return { kind: "circle", center, radius_m: geometry.getRadius() / stretchAt(center[1]) };
  }
  if (geometry instanceof LineString) {
    return { kind: "corridor", line: geometry.getCoordinates().map(unwrapped), width_m };
  }
  if (geometry instanceof Polygon) {
    return { kind: "polygon", polygons: [geometry.getCoordinates().map((r) => r.map(unwrapped))] };
  }
  if (geometry instanceof MultiPolygon) {
    const polygons = geometry.getCoordinates().map((rings) => rings.map((r) => r.map(unwrapped)));
    return { kind: "polygon", polygons };
  }
  return null;
}

/** What the map shows, in degrees; a map that is turned over the date line says west > east. */
export function boxOfExtent(extent: number[]): Box {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = extent;
  const [w, s] = lonLat([x0, y0]);
  const [e, n] = lonLat([x1, y1]);
  return x1 - x0 >= WORLD_M ? [-180, s, 180, n] : [w, s, e, n];
}
