// src/map/sprites.ts - pictures of animals, drawn once: by urgency, heading and age of the data.
import { LEVEL_ALARM, LEVEL_WARNING } from "../herd.ts";
import { crowdRadius_px } from "./crowds.ts";

const HEADINGS = 16;
const COLUMNS = HEADINGS + 1; // the last one: heading unknown
export const AGES = 4;
const LEVELS = 3;
export const SPRITE_PX = 28;

const AGE_LIMITS_MS = [2 * 60_000, 15 * 60_000, 3_600_000];
const AGE_ALPHAS = [1, 0.75, 0.5, 0.35];

/** 0 is fresh, AGES - 1 is old. */
export function ageStep(age_ms: number): number {
  const step = AGE_LIMITS_MS.findIndex((limit) => age_ms < limit);
  return step < 0 ? AGES - 1 : step;
}

export function headingColumn(heading_deg: number): number {
  return Number.isNaN(heading_deg)
    ? HEADINGS
    : Math.round(heading_deg / (360 / HEADINGS)) % HEADINGS;
}

/** The shape says what the colour says: a drop, a triangle, a diamond. */
function body(context: CanvasRenderingContext2D, level: number): void {
  context.beginPath();
  if (level === LEVEL_ALARM) {
    context.moveTo(0, -10);
    context.lineTo(10, 0);
    context.lineTo(0, 10);
    context.lineTo(-10, 0);
  } else if (level === LEVEL_WARNING) {
    context.moveTo(0, -10);
    context.lineTo(9.5, 7);
    context.lineTo(-9.5, 7);
  } else {
    context.arc(0, 0, 6.5, 0, 2 * Math.PI);
  }
  context.closePath();
}

/** By urgency; on a dark map they are light. */
const DAY = { fills: ["#2456a6", "#e69f00", "#c8102e"], halo: "#ffffff", edge: "#0b0f0c" };
const NIGHT = { fills: ["#74b3ff", "#ffc04d", "#ff6678"], halo: "#101512", edge: "#ffffff" };

function draw(
  context: CanvasRenderingContext2D,
  level: number,
  column: number,
  age: number,
  isDark: boolean,
): void {
  const { fills, halo, edge } = isDark ? NIGHT : DAY;
  const fill = fills[level] ?? "#000000";
  context.globalAlpha = AGE_ALPHAS[age] ?? 1;
  context.lineJoin = "round";
  if (column < HEADINGS) {
    context.save();
    context.rotate((column * 2 * Math.PI) / HEADINGS);
    context.beginPath();
    context.moveTo(-4.5, -5);
    context.lineTo(0, -13);
    context.lineTo(4.5, -5);
    context.closePath();
    context.lineWidth = 2;
    context.strokeStyle = halo;
    context.stroke();
    context.fillStyle = fill;
    context.fill();
    context.restore();
  }
  body(context, level);
  context.lineWidth = 2.5;
  context.strokeStyle = halo;
  context.stroke();
  // Old data is hollow as well as faint.
  context.fillStyle = age === AGES - 1 ? halo : fill;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = age === AGES - 1 ? fill : edge;
  context.stroke();
}

export interface Sprites {
  image: HTMLCanvasElement;
  /** Size of one on the sheet, in device pixels. */
  size: number;
  isDark: boolean;
}

/** All sprites on one sheet: column by heading, row by level and age. */
export function makeSprites(pixelRatio: number, isDark: boolean): Sprites {
  const size = Math.ceil(SPRITE_PX * pixelRatio);
  const image = document.createElement("canvas");
  image.width = size * COLUMNS;
  image.height = size * LEVELS * AGES;
  const context = image.getContext("2d");
  if (!context) {
    throw new Error("no canvas");
  }
  for (let level = 0; level < LEVELS; level++) {
    for (let age = 0; age < AGES; age++) {
      for (let column = 0; column < COLUMNS; column++) {
        const row = level * AGES + age;
        const [x, y] = [(column + 0.5) * size, (row + 0.5) * size];
        context.setTransform(pixelRatio, 0, 0, pixelRatio, x, y);
        draw(context, level, column, age, isDark);
      }
    }
  }
  return { image, size, isDark };
}

const COUNTS_MAX = 600; // pictures of counts; more begin anew

/** Pictures of counts, each made once: drawing a circle and its number takes long. */
export class CountSprites {
  #images = new Map<string, HTMLCanvasElement>();
  #ratio = 0;

  draw(
    context: CanvasRenderingContext2D,
    x: number,
    y: number,
    count: number,
    level: number,
    ratio: number,
  ): void {
    if (ratio !== this.#ratio || this.#images.size >= COUNTS_MAX) {
      this.#images.clear();
      this.#ratio = ratio;
    }
    const key = `${count} ${level}`;
    let image = this.#images.get(key);
    if (!image) {
      image = makeCount(count, level, ratio);
      this.#images.set(key, image);
    }
    const size = image.width / ratio;
    context.drawImage(image, x - size / 2, y - size / 2, size, size);
  }
}

function makeCount(count: number, level: number, ratio: number): HTMLCanvasElement {
  const radius = crowdRadius_px(count);
  const image = document.createElement("canvas");
  image.width = image.height = Math.ceil((2 * radius + 4) * ratio);
  const context = image.getContext("2d");
  if (!context) {
    throw new Error("no canvas");
  }
  const half = image.width / 2 / ratio;
  context.scale(ratio, ratio);
  context.beginPath();
  context.arc(half, half, radius, 0, 2 * Math.PI);
  context.fillStyle = level === LEVEL_ALARM ? "#c8102e" : "#2456a6";
  context.fill();
  context.lineWidth = 3;
  context.strokeStyle = "#ffffff";
  context.stroke();
  context.fillStyle = "#ffffff";
  context.font = "700 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(`${count}${level === LEVEL_ALARM ? "!" : ""}`, half, half + 0.5, 2 * radius - 3);
  return image;
}
