// src/map/heat_layer.ts - where an animal was most, as warmth on a canvas of its own (no WebGL).
import type { FrameState } from "ol/Map.js";
import Layer from "ol/layer/Layer.js";

const RADIUS_PX = 22;
const SCALE = 0.5; // warmth is soft: half the pixels are enough
const STRENGTH_MIN = 0.03;

/** One soft spot, stamped at each place. */
function makeSpot(strength: number): HTMLCanvasElement {
  const spot = document.createElement("canvas");
  const radius = RADIUS_PX * SCALE;
  spot.width = spot.height = Math.ceil(2 * radius);
  const context = spot.getContext("2d")!;
  const fade = context.createRadialGradient(radius, radius, 0, radius, radius, radius);
  fade.addColorStop(0, `rgb(0 0 0 / ${strength})`);
  fade.addColorStop(1, "rgb(0 0 0 / 0)");
  context.fillStyle = fade;
  context.fillRect(0, 0, spot.width, spot.height);
  return spot;
}

/** From little to much: yellow, orange, red, dark. Lightness falls, so it reads without colour. */
function makePalette(): Uint8ClampedArray {
  const ramp = document.createElement("canvas");
  ramp.width = 256;
  ramp.height = 1;
  const context = ramp.getContext("2d")!;
  const colors = context.createLinearGradient(0, 0, 256, 0);
  ["#fff7bc", "#fec44f", "#d95f0e", "#8c2d04", "#3b0a02"].forEach((color, i) =>
    colors.addColorStop(i / 4, color),
  );
  context.fillStyle = colors;
  context.fillRect(0, 0, 256, 1);
  return context.getImageData(0, 0, 256, 1).data;
}

export class HeatLayer extends Layer {
  #canvas = document.createElement("canvas");
  #places: number[][] = [];
  #palette: Uint8ClampedArray | null = null;

  constructor() {
    super({ zIndex: 3, opacity: 0.75 });
    this.#canvas.className = "animals-canvas";
  }

  /** Places in the map's own metres; an empty list shows nothing. */
  show(places: number[][]): void {
    this.#places = places;
    this.changed();
  }

  override render(frame: FrameState | null): HTMLElement {
    const canvas = this.#canvas;
    const [width = 0, height = 0] = frame?.size ?? [];
    canvas.width = Math.max(1, Math.round(width * SCALE));
    canvas.height = Math.max(1, Math.round(height * SCALE));
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    canvas.style.opacity = String(this.getOpacity());
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context && frame && this.#places.length > 0) {
      this.#draw(context, frame);
    }
    return canvas;
  }

  #draw(context: CanvasRenderingContext2D, frame: FrameState): void {
    const { resolution, center } = frame.viewState;
    const [width = 0, height = 0] = frame.size;
    const strength = Math.max(STRENGTH_MIN, Math.min(0.5, 20 / this.#places.length));
    const spot = makeSpot(strength);
    for (const [x = 0, y = 0] of this.#places) {
      const px = ((x - center[0]!) / resolution + width / 2 - RADIUS_PX) * SCALE;
      const py = ((center[1]! - y) / resolution + height / 2 - RADIUS_PX) * SCALE;
      context.drawImage(spot, px, py);
    }
    this.#palette ??= makePalette();
    const picture = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
    const { data } = picture;
    for (let i = 0; i < data.length; i += 4) {
      const warmth = data[i + 3]! * 4;
      data[i] = this.#palette[warmth]!;
      data[i + 1] = this.#palette[warmth + 1]!;
      data[i + 2] = this.#palette[warmth + 2]!;
      data[i + 3] = Math.min(255, data[i + 3]! * 2);
    }
    context.putImageData(picture, 0, 0);
  }
}
