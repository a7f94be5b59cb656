// src/map/editor.ts - drawing and changing one fence on the map, by mouse, touch, keyboard or feet.
import Feature from "ol/Feature.js";
import type Geometry from "ol/geom/Geometry.js";
import Point from "ol/geom/Point.js";
import { altKeyOnly, singleClick } from "ol/events/condition.js";
import type Interaction from "ol/interaction/Interaction.js";
import Draw from "ol/interaction/Draw.js";
import Modify from "ol/interaction/Modify.js";
import Snap from "ol/interaction/Snap.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorSource from "ol/source/Vector.js";
import type { App } from "../app.ts";
import { changeDraft, mayDrop, pushShape } from "../draft.ts";
import type { Shape } from "../shape.ts";
import { distance_m, fromGeometry, warningsOf, withHole } from "../shape.ts";
import type { Draft } from "../state.ts";
import type { Position } from "../types.ts";
import { geometryOf, lonLat, shapeOf, toMap } from "./convert.ts";
import type { FarmMap } from "./map.ts";
import { corridorWidth_px, draftStyle, pointerStyle, theirsStyle, warningStyle } from "./style.ts";

const HANDLE_REACH_PX = 24; // 48 px across
const SNAP_PX = 14;
const CIRCLE_RADIUS_M = 50; // of a circle set down with one key
const OL_TYPES = { polygon: "Polygon", circle: "Circle", corridor: "LineString" } as const;
export const CORRIDOR_WIDTH_M = 10;

export class Editor {
  #app: App;
  #farm: FarmMap;
  #source = new VectorSource();
  #theirs = new VectorSource();
  #warnings = new VectorSource();
  #layer: VectorLayer;
  #interactions: Interaction[] = [];
  #draw: Draw | null = null;
  #drawn: Shape | null = null; // what the source shows
  #mode = "";
  isRemoving = false;

  constructor(app: App, farm: FarmMap) {
    this.#app = app;
    this.#farm = farm;
    this.#layer = new VectorLayer({
      source: this.#source,
      zIndex: 5,
      style: (feature, resolution) =>
        draftStyle(
          feature.getGeometry() as Geometry,
          resolution,
          this.#corridorWidth_px(resolution),
          (a, b) => app.format.length(distance_m(lonLat(a), lonLat(b))),
        ),
      updateWhileInteracting: true,
    });
    farm.map.addLayer(this.#layer);
    farm.map.addLayer(new VectorLayer({ source: this.#theirs, zIndex: 4, style: theirsStyle }));
    farm.map.addLayer(new VectorLayer({ source: this.#warnings, zIndex: 8, style: warningStyle }));
    app.store.on(["draft"], () => this.#follow());
    farm.element.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #corridorWidth_px(resolution: number): number | null {
    const shape = this.#app.store.state.draft?.history?.present;
    if (shape?.kind !== "corridor") {
      return null;
    }
    return corridorWidth_px(shape.width_m, shape.line[0]?.[1] ?? 0, resolution);
  }

  get isDrawing(): boolean {
    const { draft } = this.#app.store.state;
    return draft !== null && (draft.history === null || draft.isAddingHole);
  }

  #follow(): void {
    const { draft } = this.#app.store.state;
    const mode = !draft ? "" : this.isDrawing ? `draw ${draft.kind} ${draft.isAddingHole}` : "edit";
    const shape = draft?.history?.present ?? null;
    if (shape !== this.#drawn) {
      this.#show(shape);
    }
    if (mode !== this.#mode || (mode === "edit" && this.#interactions.length === 0)) {
      this.#mode = mode;
      this.#setMode(draft);
    }
    this.#theirs.clear();
    if (draft?.theirs) {
      const { geometry, properties } = draft.theirs.fence;
      this.#theirs.addFeature(new Feature(geometryOf(fromGeometry(geometry, properties))));
    }
    this.#farm.element.classList.toggle("is-drawing", this.isDrawing);
    document.body.classList.toggle("is-drawing-fence", this.isDrawing);
  }

  #show(shape: Shape | null): void {
    this.#drawn = shape;
    this.#source.clear();
    this.#warnings.clear();
    if (!shape) {
      return;
    }
    this.#source.addFeature(new Feature(geometryOf(shape)));
    for (const warning of warningsOf(shape)) {
      if ("at" in warning) {
        this.#warnings.addFeature(new Feature(new Point(toMap(warning.at))));
      }
    }
  }

  #setMode(draft: Draft | null): void {
    const { map } = this.#farm;
    this.#interactions.forEach((interaction) => map.removeInteraction(interaction));
    this.#interactions = [];
    this.#draw = null;
    this.#app.store.set({ sketch: null });
    if (!draft) {
      return;
    }
    this.#interactions.push(this.isDrawing ? this.#makeDraw(draft) : this.#makeModify());
    // Last, because what comes later in the list sees an event first.
    this.#interactions.push(new Snap({ source: this.#farm.fences, pixelTolerance: SNAP_PX }));
    this.#interactions.forEach((interaction) => map.addInteraction(interaction));
    if (this.isDrawing) {
      this.#farm.element.focus({ preventScroll: true }); // where its keys are heard
    }
  }

  #makeDraw(draft: Draft): Draw {
    const type = draft.isAddingHole ? "Polygon" : OL_TYPES[draft.kind];
    const draw = new Draw({
      type,
      stopClick: true,
      snapTolerance: HANDLE_REACH_PX / 2,
      // A press that is held is compared with where it has snapped to: it has not moved for that.
      clickTolerance: SNAP_PX + 1,
      style: pointerStyle,
    });
    const width_m = draft.props.width_m ?? CORRIDOR_WIDTH_M;
    draw.on("drawstart", ({ feature }) => {
      feature.getGeometry()?.on("change", (event) => {
        const shape = shapeOf(event.target as Geometry, width_m);
        this.#app.store.set({ sketch: shape });
      });
    });
    draw.on("drawend", ({ feature }) => {
      const geometry = feature.getGeometry();
      const shape = geometry ? shapeOf(geometry, width_m) : null;
      // The interaction is still at work on this event; it may be removed only after it.
      queueMicrotask(() => this.#drawEnded(shape));
    });
    this.#draw = draw;
    return draw;
  }

  #drawEnded(shape: Shape | null): void {
    const { draft } = this.#app.store.state;
    this.#app.store.set({ sketch: null });
    if (!draft || !shape) {
      return;
    }
    const present = draft.history?.present;
    if (draft.isAddingHole && present?.kind === "polygon" && shape.kind === "polygon") {
      const hole = shape.polygons[0]?.[0];
      if (hole) {
        pushShape(this.#app, withHole(present, hole));
      }
      changeDraft(this.#app, { isAddingHole: false });
      return;
    }
    pushShape(this.#app, shape);
  }

  #makeModify(): Modify {
    const modify = new Modify({
      source: this.#source,
      pixelTolerance: HANDLE_REACH_PX,
      style: pointerStyle,
      deleteCondition: (event) =>
        singleClick(event) && (this.isRemoving || altKeyOnly(event)),
      insertVertexCondition: () => !this.isRemoving,
    });
    modify.on("modifyend", () => {
      const geometry = this.#source.getFeatures()[0]?.getGeometry();
      const present = this.#app.store.state.draft?.history?.present;
      const width_m = present?.kind === "corridor" ? present.width_m : CORRIDOR_WIDTH_M;
      const shape = geometry ? shapeOf(geometry, width_m) : null;
      if (shape) {
        pushShape(this.#app, shape);
      }
    });
    return modify;
  }

  /** A corner at that place, or where the cross in the middle of the map is. */
  addCorner(position?: Position): void {
    const { draft } = this.#app.store.state;
    const center = this.#farm.map.getView().getCenter();
    const at = position ? toMap(position) : center;
    if (!draft || !this.isDrawing || !at) {
      return;
    }
    if (draft.kind === "circle" && !draft.isAddingHole) {
      pushShape(this.#app, { kind: "circle", center: lonLat(at), radius_m: CIRCLE_RADIUS_M });
      return;
    }
    this.#draw?.appendCoordinates([at]);
  }

  /** Corners that were set before the page was left. */
  resume(corners: Position[]): void {
    const { map } = this.#farm;
    const { draft } = this.#app.store.state;
    const put = (): void => {
      if (this.#app.store.state.draft?.key !== draft?.key) {
        return;
      }
      // Until it has been seen, a map has no frame by which it knows where places are.
      if (!map.getPixelFromCoordinate(map.getView().getCenter() ?? [0, 0])) {
        map.once("postrender", put);
      } else if (this.isDrawing) {
        this.#draw?.appendCoordinates(corners.map(toMap));
      }
    };
    put();
  }

  removeLastCorner(): void {
    this.#draw?.removeLastPoint();
  }

  finish(): void {
    this.#draw?.finishDrawing();
  }

  /** Begin the outline anew. */
  restart(): void {
    this.#draw?.abortDrawing();
    this.#app.store.set({ sketch: null });
  }

  #onKey(event: KeyboardEvent): void {
    // Keys of the buttons on the map are theirs.
    if (!this.isDrawing || event.target !== this.#farm.element) {
      return;
    }
    const actions: Record<string, () => unknown> = {
      Enter: () => (event.shiftKey ? this.finish() : this.addCorner()),
      " ": () => this.addCorner(),
      f: () => this.finish(),
      Backspace: () => this.removeLastCorner(),
      Escape: () => mayDrop(this.#app) && this.restart(),
    };
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  }
}
