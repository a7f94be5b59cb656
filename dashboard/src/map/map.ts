// src/map/map.ts - the map: base tiles where the owner gave them, fences, animals, a track.
import Feature from "ol/Feature.js";
import OlMap from "ol/Map.js";
import View from "ol/View.js";
import ScaleLine from "ol/control/ScaleLine.js";
import Zoom from "ol/control/Zoom.js";
import { degreesToStringHDMS } from "ol/coordinate.js";
import { createEmpty, extend, isEmpty } from "ol/extent.js";
import Circle from "ol/geom/Circle.js";
import LineString from "ol/geom/LineString.js";
import Point from "ol/geom/Point.js";
import KeyboardPan from "ol/interaction/KeyboardPan.js";
import KeyboardZoom from "ol/interaction/KeyboardZoom.js";
import { defaults as defaultInteractions } from "ol/interaction/defaults.js";
import Graticule from "ol/layer/Graticule.js";
import TileLayer from "ol/layer/Tile.js";
import VectorLayer from "ol/layer/Vector.js";
import VectorImageLayer from "ol/layer/VectorImage.js";
import { fromLonLat, transformExtent } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import XYZ from "ol/source/XYZ.js";
import { Circle as CircleStyle, Fill, Stroke, Style, Text } from "ol/style.js";
import type { Options as TextOptions } from "ol/style/Text.js";
import type { App, MapPort } from "../app.ts";
import { deviceName } from "../app.ts";
import { h } from "../dom.ts";
import { LEVEL_OK, mercatorX, mercatorY, nearX } from "../herd.ts";
import { recall, remember } from "../remembered.ts";
import { isDark } from "../settings.ts";
import { boxOf, fromGeometry } from "../shape.ts";
import type { TrackPoint } from "../state.ts";
import type { Fence, Position } from "../types.ts";
import { AnimalsLayer } from "./animals_layer.ts";
import { boxOfExtent, geometryOf, lonLat, stretchAt, toMap } from "./convert.ts";
import { HeatLayer } from "./heat_layer.ts";
import { fenceStyle } from "./style.ts";

const TOUCH_PX = 24;
const START: Position = [15, 60];
const START_ZOOM = 4;
const CROWD_MIN = 60; // with more fences, small ones have no name on the map
const PLACE_ZOOM = 17;
// Fences are drawn once, with a margin, and the picture is moved while the map is: their lines cost
// more than thousands of animals.
const FENCE_IMAGE_RATIO = 1.5;
const REDRAW_AGES_MS = 10_000; // ages grow though nothing arrives

export class FarmMap implements MapPort {
  readonly map: OlMap;
  readonly fences = new VectorSource();
  readonly animals: AnimalsLayer;
  readonly element: HTMLElement;
  #app: App;
  #fenceLayer: VectorImageLayer;
  #track = new VectorSource();
  #own = new VectorSource();
  #heat = new HeatLayer();
  #grid: Graticule;
  #tiles: TileLayer[] = [];
  #tilesKey = "";
  #isPlaced = false;
  #waitingFit: (() => void) | null = null; // what a hidden map shows once it is seen
  #inView = -1;
  #newestMs = 0;
  #onSeen: (count: number, newestMs: number) => void;

  constructor(
    app: App,
    element: HTMLElement,
    onSeen: (count: number, newestMs: number) => void,
  ) {
    this.#app = app;
    this.element = element;
    this.#onSeen = onSeen;
    this.animals = new AnimalsLayer({
      herd: app.herd,
      now: () => app.clock.now(),
      counts: () => this.#counts(),
      selected: () => {
        const { selection } = app.store.state;
        return selection?.kind === "animal" ? selection.id : null;
      },
      nameOf: (id) => deviceName(app, id),
      isDark: () => isDark(app.store.state.settings),
      seen: (count, newestMs) => this.#seen(count, newestMs),
    });
    this.#fenceLayer = new VectorImageLayer({
      imageRatio: FENCE_IMAGE_RATIO,
      source: this.fences,
      style: (feature, resolution) => this.#fenceStyle(feature as Feature, resolution),
      declutter: true,
    });
    this.#grid = this.#graticule();
    this.map = this.#makeMap();
    this.#listen();
  }

  #makeMap(): OlMap {
    const { t, store } = this.#app;
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const zoom = isCalm ? { duration: 0 } : {};
    return new OlMap({
      target: this.element,
      keyboardEventTarget: this.element,
      controls: [
        new Zoom({
          // Signs without a voice: the buttons are called what their tips say.
          zoomInLabel: h("span", { "aria-hidden": "true" }, "+"),
          zoomOutLabel: h("span", { "aria-hidden": "true" }, "–"),
          zoomInTipLabel: t("map.zoom_in"),
          zoomOutTipLabel: t("map.zoom_out"),
          ...zoom,
        }),
        new ScaleLine({ units: store.state.settings.units === "metric" ? "metric" : "imperial" }),
      ],
      interactions: defaultInteractions({
        altShiftDragRotate: false,
        pinchRotate: false,
        keyboard: false,
        ...(isCalm ? { zoomDuration: 0 } : {}),
      }).extend([new KeyboardPan({ pixelDelta: 48, duration: 0 }), new KeyboardZoom(zoom)]),
      layers: [
        this.#grid,
        this.#fenceLayer,
        this.#heat,
        new VectorLayer({ source: this.#track, style: trackStyle, zIndex: 6 }),
        new VectorLayer({ source: this.#own, style: ownStyle, zIndex: 7 }),
        this.animals,
      ],
      view: new View({
        center: fromLonLat(START),
        zoom: START_ZOOM,
        maxZoom: 22,
        enableRotation: false,
      }),
    });
  }

  #graticule(): Graticule {
    const isNight = isDark(this.#app.store.state.settings);
    const { t } = this.#app;
    const label = (options: TextOptions): Text =>
      new Text({
        font: "12px system-ui, sans-serif",
        fill: new Fill({ color: isNight ? "#b4c0b6" : "#4a584e" }),
        stroke: new Stroke({ color: isNight ? "#1d2620" : "#e7ece3", width: 3 }),
        ...options,
      });
    return new Graticule({
      strokeStyle: new Stroke({ color: "#8a968c88", width: 1 }),
      showLabels: true,
      lonLabelFormatter: (lon) => degreesToStringHDMS(t("compass.e") + t("compass.w"), lon),
      latLabelFormatter: (lat) => degreesToStringHDMS(t("compass.n") + t("compass.s"), lat),
      // At the top and the right edge, where nothing else stands.
      lonLabelStyle: label({ textBaseline: "top", offsetY: 4 }),
      lonLabelPosition: 1,
      latLabelStyle: label({ textAlign: "end", offsetX: -4 }),
      latLabelPosition: 1,
      targetSize: 180,
      intervals: [
        90, 45, 30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001,
      ],
      wrapX: false,
    });
  }

  /** The grid keeps the colours that it was made with. */
  #renewGrid(): void {
    this.map.removeLayer(this.#grid);
    this.#grid = this.#graticule();
    this.#grid.setVisible(this.#tiles.length === 0);
    this.map.getLayers().insertAt(0, this.#grid);
  }

  /** The owner's maps, where there are any; else the grid, the scale and the fences must do. What
   * the gateway has of its own lies above what is fetched from the internet. */
  #syncTiles(): void {
    const { farm } = this.#app.store.state;
    const urls = [farm?.map_url ?? "", farm?.tiles ? "/tiles/{z}/{x}/{y}" : ""].filter(Boolean);
    const key = urls.join(" ");
    if (key === this.#tilesKey) {
      return;
    }
    this.#tilesKey = key;
    this.#tiles.forEach((layer) => this.map.removeLayer(layer));
    this.#tiles = urls.map(
      (url, i) => new TileLayer({ source: new XYZ({ url, attributions: [] }), zIndex: i - 2 }),
    );
    this.#tiles.forEach((layer) => this.map.addLayer(layer));
    this.#grid.setVisible(urls.length === 0);
    this.#showTiles();
  }

  /** Tiles are asked for where the farm lies; the map of an empty one stays where it began. */
  #showTiles(): void {
    const { areFencesKnown } = this.#app.store.state;
    this.#tiles.forEach((layer) => layer.setVisible(areFencesKnown));
  }

  #listen(): void {
    const { store } = this.#app;
    const redraw = (): void => this.animals.changed();
    store.on(["fences", "draft"], () => this.#syncFences());
    store.on(["herdVersion", "counts", "devices"], redraw);
    store.on(["selection"], () => {
      redraw();
      this.#fenceLayer.changed();
    });
    const paint = (): void => {
      redraw();
      this.#renewGrid();
      this.#fenceLayer.changed();
    };
    store.on(["settings"], paint);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    store.on(["track"], () => this.#drawTrack());
    store.on(["farm"], () => this.#syncTiles());
    this.#syncTiles();
    store.on(["fences", "areFencesKnown", "devices", "areDevicesKnown"], () => this.#placeOnce());
    store.on(["areFencesKnown"], () => this.#showTiles());
    setInterval(redraw, REDRAW_AGES_MS);
    this.map.on("moveend", () => this.#watch());
    this.map.on("singleclick", (event) => {
      if (!store.state.draft && !store.state.measuring) {
        this.#select(event.coordinate, event.pixel);
      }
    });
  }

  #watch(): void {
    const size = this.#sizeSeen();
    if (!size) {
      return;
    }
    const box = boxOfExtent(this.map.getView().calculateExtent(size));
    const center = this.map.getView().getCenter();
    this.#app.herd.gatherAround(center?.[0] ?? 0);
    this.#app.store.set({ view: box, herdVersion: this.#app.herd.version });
    this.#app.live.watch(box);
    if (this.#isPlaced && center) {
      const zoom = this.map.getView().getZoom() ?? START_ZOOM;
      remember(this.#app.live.epoch, { center: lonLat(center), zoom });
    }
  }

  #seen(count: number, newestMs: number): void {
    if (count !== this.#inView || newestMs !== this.#newestMs) {
      this.#inView = count;
      this.#newestMs = newestMs;
      this.#onSeen(count, newestMs);
    }
  }

  #counts(): [number, number, number][] {
    const middle = this.map.getView().getCenter()?.[0] ?? 0;
    return this.#app.store.state.counts.map(([lon, lat, n]) => [
      nearX(mercatorX(lon), middle),
      mercatorY(lat),
      n,
    ]);
  }

  #fenceStyle(feature: Feature, resolution: number): Style[] {
    const { selection, settings, fences } = this.#app.store.state;
    return fenceStyle(feature, resolution, {
      isSelected: selection?.kind === "fence" && selection.id === feature.getId(),
      isDark: isDark(settings),
      isCrowded: fences.size > CROWD_MIN,
    });
  }

  /** The fence that is being changed is drawn by the editor. */
  #syncFences(): void {
    const { fences, draft } = this.#app.store.state;
    for (const feature of this.fences.getFeatures()) {
      const id = String(feature.getId());
      if (!fences.has(id) || draft?.id === id) {
        this.fences.removeFeature(feature);
      }
    }
    for (const fence of fences.values()) {
      const old = this.fences.getFeatureById(fence.id) as Feature | null;
      if (draft?.id === fence.id || old?.get("fence") === fence) {
        continue;
      }
      const feature = old ?? new Feature();
      feature.setGeometry(geometryOf(fromGeometry(fence.geometry, fence.properties)));
      feature.set("fence", fence);
      feature.setId(fence.id);
      if (!old) {
        this.fences.addFeature(feature);
      }
    }
  }

  /** At first what was looked at last; else all fences; without any, all animals. */
  #placeOnce(): void {
    const { fences, areFencesKnown, areDevicesKnown, sketch } = this.#app.store.state;
    // Who draws already must not have the map moved away under the hand.
    if (this.#isPlaced || !areFencesKnown || sketch) {
      return;
    }
    const { center, zoom } = recall(this.#app.live.epoch);
    if (center) {
      this.#isPlaced = true;
      this.map.getView().setCenter(toMap(center));
      this.map.getView().setZoom(zoom);
      return;
    }
    if (fences.size > 0 || areDevicesKnown) {
      this.showAll();
    }
  }

  showAll(): void {
    const { fences } = this.#app.store.state;
    const { herd } = this.#app;
    const extent = createEmpty();
    for (const fence of fences.values()) {
      extend(extent, extentOf(fence));
    }
    if (fences.size === 0) {
      for (let slot = 0; slot < herd.count; slot++) {
        const x = herd.x[slot]!;
        const y = herd.y[slot]!;
        if (!Number.isNaN(x)) {
          extend(extent, [x, y, x, y]);
        }
      }
    }
    if (!isEmpty(extent)) {
      this.#isPlaced = true;
      this.#fit(extent, 17);
    }
  }

  #fit(extent: number[], maxZoom: number): void {
    if (!extent.every(Number.isFinite)) {
      return;
    }
    this.#waitingFit = () =>
      this.map.getView().fit(extent, { padding: [48, 48, 64, 48], maxZoom });
    this.#fitIfSeen();
  }

  #fitIfSeen(): void {
    if (this.#waitingFit && this.#sizeSeen()) {
      this.#waitingFit();
      this.#waitingFit = null;
    }
  }

  /** null while the map is hidden. */
  #sizeSeen(): number[] | null {
    const size = this.map.getSize();
    return size && size[0]! > 0 && size[1]! > 0 ? size : null;
  }

  #select(coordinate: number[], pixel: number[]): void {
    const resolution = this.map.getView().getResolution() ?? 1;
    const [x = 0, y = 0] = coordinate;
    const animal = this.animals.nearest(x, y, TOUCH_PX * resolution);
    if (animal !== null) {
      this.#app.store.set({ selection: { kind: "animal", id: animal } });
      return;
    }
    const feature = this.map.forEachFeatureAtPixel(pixel, (found) => found, {
      layerFilter: (layer) => layer === this.#fenceLayer,
      hitTolerance: 8,
    });
    const id = feature?.getId();
    this.#app.store.set({ selection: id ? { kind: "fence", id: String(id) } : null });
  }

  #drawTrack(): void {
    const { track } = this.#app.store.state;
    this.#track.clear();
    const line = lineOf(track?.points ?? []);
    this.#heat.show(track?.isHeat ? line : []);
    if (!track || line.length === 0) {
      return;
    }
    if (!track.isHeat) {
      this.#track.addFeature(new Feature(new LineString(line)));
    }
    const here = line[track.at];
    if (here) {
      this.#track.addFeature(new Feature(new Point(here)));
    }
  }

  showTrack(): void {
    const extent = createEmpty();
    for (const [x = 0, y = 0] of lineOf(this.#app.store.state.track?.points ?? [])) {
      extend(extent, [x, y, x, y]);
    }
    if (!isEmpty(extent)) {
      this.#fit(extent, PLACE_ZOOM);
    }
  }

  showPlace(position: Position): void {
    this.#isPlaced = true;
    this.#waitingFit = null;
    const view = this.map.getView();
    view.setCenter(toMap(position));
    view.setZoom(Math.max(view.getZoom() ?? 0, PLACE_ZOOM));
  }

  showFence(fence: Fence): void {
    this.#isPlaced = true;
    this.#fit(extentOf(fence), 19);
  }

  showOwnPosition(position: Position, accuracy_m: number): void {
    this.#own.clear();
    const circle = new Circle(toMap(position), accuracy_m * stretchAt(position[1]));
    this.#own.addFeatures([new Feature(circle), new Feature(new Point(toMap(position)))]);
  }

  hideOwnPosition(): void {
    this.#own.clear();
  }

  resize(): void {
    this.map.updateSize();
    this.#placeOnce();
    this.#fitIfSeen();
  }

  /** The ids of the animals in view; those that are well come last. */
  inView(): string[] {
    const size = this.#sizeSeen();
    if (!size) {
      return [];
    }
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = this.map.getView().calculateExtent(size);
    const { herd } = this.#app;
    const urgent: string[] = [];
    const well: string[] = [];
    for (let slot = 0; slot < herd.count; slot++) {
      const x = herd.x[slot]!;
      const y = herd.y[slot]!;
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && herd.hidden[slot] === 0) {
        (herd.level[slot] === LEVEL_OK ? well : urgent).push(herd.ids[slot]!);
      }
    }
    return [...urgent, ...well];
  }
}

function extentOf({ geometry, properties }: Fence): number[] {
  return transformExtent(boxOf(fromGeometry(geometry, properties)), "EPSG:4326", "EPSG:3857");
}

/** A track on the map; over the date line it goes on. */
function lineOf(points: readonly TrackPoint[]): number[][] {
  let last: number | null = null;
  return points.map(({ lon, lat }) => {
    const [x = 0, y = 0] = toMap([lon, lat]);
    last = nearX(x, last ?? x);
    return [last, y];
  });
}

const trackStyle = [
  new Style({ stroke: new Stroke({ color: "#ffffff", width: 6 }) }),
  new Style({
    stroke: new Stroke({ color: "#cc79a7", width: 3 }),
    image: new CircleStyle({
      radius: 9,
      fill: new Fill({ color: "#cc79a7" }),
      stroke: new Stroke({ color: "#16211a", width: 3 }),
    }),
  }),
];

const ownStyle = new Style({
  fill: new Fill({ color: "#56b4e922" }),
  stroke: new Stroke({ color: "#56b4e9", width: 2 }),
  image: new CircleStyle({
    radius: 8,
    fill: new Fill({ color: "#56b4e9" }),
    stroke: new Stroke({ color: "#ffffff", width: 3 }),
  }),
});
