// src/map/animals_layer.ts - all animals on a canvas of their own: one pass per animation frame.
import type { FrameState } from "ol/Map.js";
import Layer from "ol/layer/Layer.js";
import type { Herd } from "../herd.ts";
import { LEVEL_ALARM, LEVEL_OK } from "../herd.ts";
import type { Sprites } from "./sprites.ts";
import { AGES, SPRITE_PX, ageStep, headingColumn, makeSprites } from "./sprites.ts";

const CELL_PX = 56; // where so many stand in one cell, a count stands for them
const CROWD_MIN = 6;
const CROWDS_FROM_M_PER_PX = 1.2; // nearer, each animal is drawn
const NAMES_MAX = 60; // names are written when no more animals are in view

export interface AnimalsOptions {
  herd: Herd;
  now: () => number;
  counts: () => readonly [x: number, y: number, n: number][];
  selected: () => string | null;
  nameOf: (id: string) => string;
  isDark: () => boolean;
  /** How many are in view, after each frame. */
  seen: (count: number) => void;
}

interface Crowd {
  x: number;
  y: number;
  count: number;
  level: number;
}

export class AnimalsLayer extends Layer {
  #canvas = document.createElement("canvas");
  #sprites: Sprites | null = null;
  #options: AnimalsOptions;
  #drawn = new Int32Array(0); // slots in view, of the last frame

  constructor(options: AnimalsOptions) {
    super({ zIndex: 10 });
    this.#options = options;
    this.#canvas.className = "animals-canvas";
    this.#canvas.setAttribute("aria-hidden", "true");
  }

  override render(frame: FrameState | null): HTMLElement {
    if (!frame) {
      return this.#canvas;
    }
    const [width = 0, height = 0] = frame.size;
    const ratio = frame.pixelRatio;
    const canvas = this.#canvas;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
    }
    if (canvas.height !== Math.round(height * ratio)) {
      canvas.height = Math.round(height * ratio);
    }
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    if (context) {
      this.#draw(context, frame, width, height, ratio);
    }
    return canvas;
  }

  #draw(
    context: CanvasRenderingContext2D,
    frame: FrameState,
    width: number,
    height: number,
    ratio: number,
  ): void {
    const { resolution, center } = frame.viewState;
    const [cx = 0, cy = 0] = center;
    const left = cx - (width / 2) * resolution;
    const top = cy + (height / 2) * resolution;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width * ratio, height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const counts = this.#options.counts();
    if (counts.length > 0) {
      this.#options.seen(this.#drawCounts(context, counts, left, top, resolution));
      return;
    }
    const count = this.#collect(left, top, width, height, resolution);
    const single = resolution >= CROWDS_FROM_M_PER_PX
      ? this.#drawCrowds(context, count, left, top, width, resolution)
      : null;
    this.#drawAnimals(context, count, left, top, resolution, ratio, single);
    this.#options.seen(count);
  }

  /** What the service has counted, in cells that leave room for the numbers. */
  #drawCounts(
    context: CanvasRenderingContext2D,
    counts: readonly [x: number, y: number, n: number][],
    left: number,
    top: number,
    resolution: number,
  ): number {
    const cell_m = CELL_PX * resolution;
    const crowds = new Map<string, Crowd>();
    let total = 0;
    for (const [x, y, n] of counts) {
      const key = `${Math.floor(x / cell_m)} ${Math.floor(y / cell_m)}`;
      const crowd = crowds.get(key) ?? { x: 0, y: 0, count: 0, level: LEVEL_OK };
      crowd.x += x * n;
      crowd.y += y * n;
      crowd.count += n;
      crowds.set(key, crowd);
      total += n;
    }
    for (const crowd of crowds.values()) {
      crowd.x = (crowd.x / crowd.count - left) / resolution;
      crowd.y = (top - crowd.y / crowd.count) / resolution;
      this.#drawCrowd(context, crowd);
    }
    return total;
  }

  /** Slots in view, into #drawn. */
  #collect(left: number, top: number, width: number, height: number, resolution: number): number {
    const { x, y, hidden, count } = this.#options.herd;
    if (this.#drawn.length < count) {
      this.#drawn = new Int32Array(Math.max(1024, count * 2));
    }
    const margin = SPRITE_PX * resolution;
    const right = left + width * resolution + margin;
    const bottom = top - height * resolution - margin;
    let found = 0;
    for (let slot = 0; slot < count; slot++) {
      const px = x[slot]!;
      const py = y[slot]!;
      if (px >= left - margin && px <= right && py <= top + margin && py >= bottom) {
        if (hidden[slot] === 0) {
          this.#drawn[found++] = slot;
        }
      }
    }
    return found;
  }

  /** Draws counts; tells by cell which animals stand alone. */
  #drawCrowds(
    context: CanvasRenderingContext2D,
    count: number,
    left: number,
    top: number,
    width: number,
    resolution: number,
  ): (slot: number) => boolean {
    const { herd } = this.#options;
    const columns = Math.ceil(width / CELL_PX) + 4;
    const cell_m = CELL_PX * resolution;
    // Cells belong to the ground, not to the screen: counts do not flicker while the map moves.
    const column0 = Math.floor(left / cell_m) - 1;
    const row0 = Math.floor(top / cell_m) + 1;
    const cellOf = (slot: number): number =>
      (row0 - Math.floor(herd.y[slot]! / cell_m)) * columns +
      Math.floor(herd.x[slot]! / cell_m) -
      column0;
    const crowds = new Map<number, Crowd>();
    for (let i = 0; i < count; i++) {
      const slot = this.#drawn[i]!;
      const cell = cellOf(slot);
      const crowd = crowds.get(cell) ?? { x: 0, y: 0, count: 0, level: 0 };
      crowd.x += herd.x[slot]!;
      crowd.y += herd.y[slot]!;
      crowd.count++;
      crowd.level = Math.max(crowd.level, herd.level[slot]!);
      crowds.set(cell, crowd);
    }
    for (const crowd of crowds.values()) {
      if (crowd.count >= CROWD_MIN) {
        crowd.x = (crowd.x / crowd.count - left) / resolution;
        crowd.y = (top - crowd.y / crowd.count) / resolution;
        this.#drawCrowd(context, crowd);
      }
    }
    return (slot) => (crowds.get(cellOf(slot))?.count ?? 0) < CROWD_MIN;
  }

  #drawCrowd(context: CanvasRenderingContext2D, crowd: Crowd): void {
    const radius = 13 + 3.5 * Math.log10(crowd.count);
    context.beginPath();
    context.arc(crowd.x, crowd.y, radius, 0, 2 * Math.PI);
    context.fillStyle = crowd.level === LEVEL_ALARM ? "#c8102e" : "#2456a6";
    context.fill();
    context.lineWidth = 3;
    context.strokeStyle = "#ffffff";
    context.stroke();
    context.fillStyle = "#ffffff";
    context.font = "700 13px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const sign = crowd.level === LEVEL_ALARM ? "!" : "";
    context.fillText(`${crowd.count}${sign}`, crowd.x, crowd.y + 0.5);
  }

  #drawAnimals(
    context: CanvasRenderingContext2D,
    count: number,
    left: number,
    top: number,
    resolution: number,
    ratio: number,
    isSingle: ((slot: number) => boolean) | null,
  ): void {
    const { herd, now, selected, nameOf } = this.#options;
    const isDark = this.#options.isDark();
    const wanted_px = Math.ceil(SPRITE_PX * ratio);
    if (this.#sprites?.size !== wanted_px || this.#sprites.isDark !== isDark) {
      this.#sprites = makeSprites(ratio, isDark);
    }
    const { image, size } = this.#sprites;
    const nowMs = now();
    const chosen = selected();
    const chosenSlot = chosen === null ? undefined : herd.slot(chosen);
    const hasNames = count <= NAMES_MAX;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (let i = 0; i < count; i++) {
      const slot = this.#drawn[i]!;
      if (isSingle && slot !== chosenSlot && !isSingle(slot)) {
        continue;
      }
      const px = (herd.x[slot]! - left) / resolution;
      const py = (top - herd.y[slot]!) / resolution;
      const row = herd.level[slot]! * AGES + ageStep(nowMs - herd.timeMs[slot]!);
      const column = headingColumn(herd.headingDeg[slot]!);
      const half = SPRITE_PX / 2;
      context.drawImage(
        image, column * size, row * size, size, size, px - half, py - half, SPRITE_PX, SPRITE_PX,
      );
      if (slot === chosenSlot) {
        this.#drawRing(context, px, py);
      }
      if (hasNames || slot === chosenSlot) {
        this.#drawName(context, nameOf(herd.ids[slot]!), px + half, py);
      }
    }
  }

  #drawRing(context: CanvasRenderingContext2D, px: number, py: number): void {
    context.beginPath();
    context.arc(px, py, 18, 0, 2 * Math.PI);
    context.lineWidth = 4;
    context.strokeStyle = "#ffd54a";
    context.stroke();
    context.lineWidth = 1.5;
    context.strokeStyle = "#16211a";
    context.stroke();
  }

  #drawName(context: CanvasRenderingContext2D, name: string, px: number, py: number): void {
    const isDark = this.#options.isDark();
    context.lineWidth = 3.5;
    context.lineJoin = "round";
    context.strokeStyle = isDark ? "#101512" : "#ffffff";
    context.strokeText(name, px, py);
    context.fillStyle = isDark ? "#f2f5f0" : "#16211a";
    context.fillText(name, px, py);
  }

  /** The animal nearest to a place, within reach. */
  nearest(x: number, y: number, reach_m: number): string | null {
    const { herd } = this.#options;
    let best: string | null = null;
    let least = reach_m;
    for (let slot = 0; slot < herd.count; slot++) {
      const distance = Math.hypot(herd.x[slot]! - x, herd.y[slot]! - y);
      if (distance <= least && herd.hidden[slot] === 0) {
        least = distance;
        best = herd.ids[slot] ?? null;
      }
    }
    return best;
  }
}
