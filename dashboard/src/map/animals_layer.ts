// src/map/animals_layer.ts - all animals on a canvas of their own: one pass per animation frame.
import type { FrameState } from "ol/Map.js";
import Layer from "ol/layer/Layer.js";
import { labelOf } from "../format.ts";
import type { Herd } from "../herd.ts";
import { LEVEL_ALARM, LEVEL_OK } from "../herd.ts";
import type { Crowd } from "./crowds.ts";
import { CELL_PX, CROWD_MIN, Crowds } from "./crowds.ts";
import type { Sprites } from "./sprites.ts";
import { AGES, CountSprites, SPRITE_PX, ageStep, headingColumn, makeSprites } from "./sprites.ts";

const CROWDS_FROM_M_PER_PX = 1.2; // nearer, each animal is drawn
const ALARMS_APART_MAX = 50; // so many that are out are drawn by themselves, whoever is beside them
const NAME_PX = 16;
const NAMES_MAX = 60; // names are written when no more animals are in view

export interface AnimalsOptions {
  herd: Herd;
  now: () => number;
  counts: () => readonly [x: number, y: number, n: number][];
  selected: () => string | null;
  nameOf: (id: string) => string;
  isDark: () => boolean;
  /** How many are in view, and the time of the newest position there, after each frame. */
  seen: (count: number, newestMs: number) => void;
}

/** Where the screen's corner lies on the ground, in metres of the map. */
interface View {
  left: number;
  top: number;
  width: number;
  height: number;
  resolution: number;
  ratio: number;
}

export class AnimalsLayer extends Layer {
  #canvas = document.createElement("canvas");
  #sprites: Sprites | null = null;
  #counts = new CountSprites();
  #options: AnimalsOptions;
  #drawn = new Int32Array(0); // slots in view or nearly so, of the last frame
  #drawnCount = 0;
  #names: { px: number; py: number; right: number }[] = []; // written in this frame
  #alarms = 0; // of them out of where they should be
  #inView = 0;
  #newestMs = 0;

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
      const { resolution, center } = frame.viewState;
      const [cx = 0, cy = 0] = center;
      const left = cx - (width / 2) * resolution;
      const top = cy + (height / 2) * resolution;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.#draw(context, { left, top, width, height, resolution, ratio });
      // OpenLayers may draw the layer above, such as an outline in the making, on this canvas too.
      context.setTransform(1, 0, 0, 1, 0, 0);
    }
    return canvas;
  }

  #draw(context: CanvasRenderingContext2D, view: View): void {
    const counts = this.#options.counts();
    if (counts.length > 0) {
      this.#options.seen(this.#drawCounted(context, counts, view), 0);
      return;
    }
    this.#collect(view);
    this.#names = [];
    if (view.resolution >= CROWDS_FROM_M_PER_PX) {
      const crowds = this.#gather(view);
      const apart = this.#alarmsApart(view, crowds);
      this.#drawAnimals(context, view, (slot) => !this.#isHeld(slot, view, crowds));
      this.#drawCrowds(context, view, crowds);
      // Whom one must not miss lies on top of the counts.
      this.#drawAnimals(context, view, (slot) => apart.has(slot));
    } else {
      this.#drawAnimals(context, view, () => true);
    }
    this.#options.seen(this.#inView, this.#newestMs);
  }

  /** What the service has counted, when so much of the ground is in view. */
  #drawCounted(
    context: CanvasRenderingContext2D,
    counts: readonly [x: number, y: number, n: number][],
    view: View,
  ): number {
    const crowds = new Crowds(1);
    let total = 0;
    for (const [x, y, n] of counts) {
      crowds.add(x / view.resolution, -y / view.resolution, n, LEVEL_OK);
      total += n;
    }
    this.#drawCrowds(context, view, crowds);
    return total;
  }

  /** Slots in view into #drawn, and those so near that they belong to a count in view. */
  #collect({ left, top, width, height, resolution }: View): void {
    const { x, y, hidden, level, timeMs, count } = this.#options.herd;
    if (this.#drawn.length < count) {
      this.#drawn = new Int32Array(Math.max(1024, count * 2));
    }
    const margin = CELL_PX * resolution;
    const right = left + width * resolution;
    const bottom = top - height * resolution;
    this.#drawnCount = 0;
    this.#alarms = 0;
    this.#inView = 0;
    this.#newestMs = 0;
    for (let slot = 0; slot < count; slot++) {
      const px = x[slot]!;
      const py = y[slot]!;
      const isNear =
        px >= left - margin && px <= right + margin && py <= top + margin && py >= bottom - margin;
      if (!isNear || hidden[slot] !== 0) {
        continue;
      }
      this.#drawn[this.#drawnCount++] = slot;
      this.#alarms += level[slot] === LEVEL_ALARM ? 1 : 0;
      if (px >= left && px <= right && py <= top && py >= bottom) {
        this.#inView++;
        this.#newestMs = Math.max(this.#newestMs, timeMs[slot]!);
      }
    }
  }

  #isApart(slot: number): boolean {
    return this.#options.herd.level[slot] === LEVEL_ALARM && this.#alarms <= ALARMS_APART_MAX;
  }

  /** Animals that are out, but for those that a count hides: it says so itself. */
  #alarmsApart({ resolution }: View, crowds: Crowds): Set<number> {
    const { x, y } = this.#options.herd;
    const apart = new Set<number>();
    for (let i = 0; i < this.#drawnCount; i++) {
      const slot = this.#drawn[i]!;
      if (
        this.#isApart(slot) &&
        !crowds.cover(x[slot]! / resolution, -y[slot]! / resolution, LEVEL_ALARM)
      ) {
        apart.add(slot);
      }
    }
    return apart;
  }

  #isHeld(slot: number, { resolution }: View, crowds: Crowds): boolean {
    const { x, y } = this.#options.herd;
    return this.#isApart(slot) || crowds.holds(x[slot]! / resolution, -y[slot]! / resolution);
  }

  #gather({ resolution }: View): Crowds {
    const { x, y, level } = this.#options.herd;
    const crowds = new Crowds(CROWD_MIN);
    for (let i = 0; i < this.#drawnCount; i++) {
      const slot = this.#drawn[i]!;
      if (!this.#isApart(slot)) {
        crowds.add(x[slot]! / resolution, -y[slot]! / resolution, 1, level[slot]!);
      }
    }
    crowds.join();
    return crowds;
  }

  #drawCrowds(context: CanvasRenderingContext2D, view: View, crowds: Crowds): void {
    const { left, top, resolution, ratio } = view;
    const draw = ({ x, y, count, level }: Crowd): void =>
      this.#counts.draw(context, x - left / resolution, y + top / resolution, count, level, ratio);
    crowds.join().forEach(draw);
  }

  /** Those wanted, and the chosen one in any case. */
  #drawAnimals(
    context: CanvasRenderingContext2D,
    { left, top, resolution, ratio }: View,
    isWanted: (slot: number) => boolean,
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
    const hasNames = this.#drawnCount <= NAMES_MAX;
    const half = SPRITE_PX / 2;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (let i = 0; i < this.#drawnCount; i++) {
      const slot = this.#drawn[i]!;
      const x = herd.x[slot]!;
      const y = herd.y[slot]!;
      if (slot !== chosenSlot && !isWanted(slot)) {
        continue;
      }
      const px = (x - left) / resolution;
      const py = (top - y) / resolution;
      const row = herd.level[slot]! * AGES + ageStep(nowMs - herd.timeMs[slot]!);
      const column = headingColumn(herd.headingDeg[slot]!);
      context.drawImage(
        image, column * size, row * size, size, size, px - half, py - half, SPRITE_PX, SPRITE_PX,
      );
      if (slot === chosenSlot) {
        this.#drawRing(context, px, py);
      }
      if (hasNames || slot === chosenSlot) {
        const name = labelOf(nameOf(herd.ids[slot]!));
        this.#drawName(context, name, px + half, py, slot === chosenSlot);
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

  /** Unless it would lie on another name; the chosen one always. */
  #drawName(
    context: CanvasRenderingContext2D,
    name: string,
    px: number,
    py: number,
    isChosen: boolean,
  ): void {
    const isDark = this.#options.isDark();
    const right = px + context.measureText(name).width;
    const isTaken = this.#names.some(
      (other) => px < other.right && right > other.px && Math.abs(py - other.py) < NAME_PX,
    );
    if (isTaken && !isChosen) {
      return;
    }
    this.#names.push({ px, py, right });
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
