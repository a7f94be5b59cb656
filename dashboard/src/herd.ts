// src/herd.ts - where all animals are, as arrays by slot, so that thousands cost little per frame.
import type { PositionSink } from "./decode.ts";
import type { LiveDevice } from "./types.ts";

const RADIUS_M = 6378137;
export const WORLD_M = 2 * Math.PI * RADIUS_M; // the equator, once around
const MOVED_M_MIN = 1.5; // a shorter way says nothing about a direction

/** How urgent an animal is to look at; also the row of its sprite. */
export const LEVEL_OK = 0;
export const LEVEL_WARNING = 1;
export const LEVEL_ALARM = 2;

export function mercatorX(lon: number): number {
  return (lon * Math.PI * RADIUS_M) / 180;
}

/** The same place on the ground, within half a turn around the world of another one. */
export function nearX(x: number, other: number): number {
  return x + WORLD_M * Math.round((other - x) / WORLD_M);
}

export function mercatorY(lat: number): number {
  return RADIUS_M * Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360));
}

/** Slots are not given back one by one: a farm's animals are a bounded set. */
export class Herd implements PositionSink {
  count = 0;
  /** Grows with every change; what draws compares it. */
  version = 0;
  ids: string[] = [];
  x = new Float64Array(0);
  y = new Float64Array(0);
  lon = new Float64Array(0);
  lat = new Float64Array(0);
  timeMs = new Float64Array(0);
  headingDeg = new Float32Array(0); // NaN: unknown
  level = new Uint8Array(0);
  hidden = new Uint8Array(0); // 1: a filter leaves it out
  #slotOf = new Map<string, number>();
  #slotByHandle: (number | undefined)[] = [];
  #middle = 0; // places are within half a turn of it
  #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A new connection numbers the animals anew. */
  forgetHandles(): void {
    this.#slotByHandle = [];
  }

  /** The animals of other data than what comes now. */
  clear(): void {
    this.count = 0;
    this.ids = [];
    this.level.fill(LEVEL_OK);
    this.hidden.fill(0);
    this.timeMs.fill(0);
    this.#slotOf.clear();
    this.forgetHandles();
    this.version++;
  }

  slot(id: string): number | undefined {
    return this.#slotOf.get(id);
  }

  name(handle: number, id: string): void {
    this.#slotByHandle[handle] = this.#slotFor(id);
  }

  put(handle: number, lonE7: number, latE7: number, ageMs: number): void {
    const slot = this.#slotByHandle[handle];
    if (slot !== undefined) {
      this.#move(slot, lonE7 / 1e7, latE7 / 1e7, this.#now() - ageMs);
    }
  }

  /** Unless a newer place is known already: an answer may be older than what came beside it. */
  putDevice(device: LiveDevice): void {
    const slot = this.#slotFor(device.device);
    const timeMs = Date.parse(device.time);
    if (this.timeMs[slot]! > timeMs && !Number.isNaN(this.x[slot]!)) {
      return;
    }
    this.#move(slot, device.lon, device.lat, timeMs);
    if (device.heading_deg !== undefined) {
      this.headingDeg[slot] = device.heading_deg;
    }
  }

  /** Levels of the animals named; all others are well. */
  setLevels(levels: ReadonlyMap<string, number>): void {
    this.level.fill(LEVEL_OK);
    for (const [id, level] of levels) {
      const slot = this.#slotOf.get(id);
      if (slot !== undefined) {
        this.level[slot] = level;
      }
    }
    this.version++;
  }

  setHidden(isHidden: (id: string) => boolean): void {
    for (let slot = 0; slot < this.count; slot++) {
      this.hidden[slot] = isHidden(this.ids[slot] ?? "") ? 1 : 0;
    }
    this.version++;
  }

  /** What is looked at lies around x; an animal beyond the date line is beside the others. */
  gatherAround(x: number): void {
    if (Math.abs(x - this.#middle) < WORLD_M / 4) {
      return;
    }
    this.#middle = x;
    for (let slot = 0; slot < this.count; slot++) {
      this.x[slot] = nearX(this.x[slot]!, x);
    }
    this.version++;
  }

  #slotFor(id: string): number {
    const known = this.#slotOf.get(id);
    if (known !== undefined) {
      return known;
    }
    if (this.count === this.x.length) {
      this.#grow();
    }
    const slot = this.count++;
    this.ids[slot] = id;
    this.headingDeg[slot] = NaN;
    this.x[slot] = NaN;
    this.y[slot] = NaN;
    this.#slotOf.set(id, slot);
    return slot;
  }

  #grow(): void {
    const size = Math.max(256, this.x.length * 2);
    const wider = <A extends Float64Array | Float32Array | Uint8Array>(fresh: A, old: A): A => {
      fresh.set(old);
      return fresh;
    };
    this.x = wider(new Float64Array(size), this.x);
    this.y = wider(new Float64Array(size), this.y);
    this.lon = wider(new Float64Array(size), this.lon);
    this.lat = wider(new Float64Array(size), this.lat);
    this.timeMs = wider(new Float64Array(size), this.timeMs);
    this.headingDeg = wider(new Float32Array(size), this.headingDeg);
    this.level = wider(new Uint8Array(size), this.level);
    this.hidden = wider(new Uint8Array(size), this.hidden);
  }

  #move(slot: number, lon: number, lat: number, timeMs: number): void {
    const x = nearX(mercatorX(lon), this.#middle);
    const y = mercatorY(lat);
    const dx = nearX(x - (this.x[slot] ?? NaN), 0);
    const dy = y - (this.y[slot] ?? NaN);
    // Mercator stretches both axes alike, so a direction is the same as on the ground.
    if (Math.hypot(dx, dy) * Math.cos((lat * Math.PI) / 180) >= MOVED_M_MIN) {
      this.headingDeg[slot] = ((Math.atan2(dx, dy) * 180) / Math.PI + 360) % 360;
    }
    this.x[slot] = x;
    this.y[slot] = y;
    this.lon[slot] = lon;
    this.lat[slot] = lat;
    this.timeMs[slot] = timeMs;
    this.version++;
  }
}
