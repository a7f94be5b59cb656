// src/app.ts - what every view is given: the store, the ways to the service, the words.
import { Api, ApiError } from "./api.ts";
import type { Clock } from "./clock.ts";
import { errorText } from "./errors.ts";
import type { Format } from "./format.ts";
import type { Herd } from "./herd.ts";
import type { Translate } from "./i18n.ts";
import type { Live } from "./live.ts";
import type { Settings } from "./settings.ts";
import { applyTheme, saveSettings } from "./settings.ts";
import type { Selection, State } from "./state.ts";
import type { Store } from "./store.ts";
import type { Device, Fence, LiveDevice, Position } from "./types.ts";

/** What views ask of the map without knowing how it draws. */
export interface MapPort {
  showPlace(position: Position): void;
  showFence(fence: Fence): void;
  showTrack(): void;
  /** Called when the place for it has changed its size. */
  resize(): void;
}

export interface App {
  store: Store<State>;
  api: Api;
  live: Live;
  herd: Herd;
  clock: Clock;
  t: Translate;
  format: Format;
  map: MapPort;
}

export function explain(app: App, reason: unknown): string {
  if (reason instanceof ApiError) {
    return errorText(reason, app.t, (lon, lat) => app.format.position(lon, lat));
  }
  return reason instanceof Error ? reason.message : String(reason);
}

export function tell(app: App, text: string, tone: "good" | "bad" | "plain" = "plain"): void {
  app.store.set({ notice: { text, tone } });
}

/** Runs what a button does; what goes wrong is told in plain words. */
export async function attempt(app: App, action: () => Promise<void>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (reason) {
    tell(app, explain(app, reason), "bad");
    return false;
  }
}

export function changeSettings(app: App, patch: Partial<Settings>): void {
  const settings = { ...app.store.state.settings, ...patch };
  saveSettings(settings);
  applyTheme(settings);
  const needsWords = patch.language !== undefined || patch.units !== undefined;
  app.store.set({ settings });
  if (needsWords) {
    location.reload();
  }
}

export function mayEdit(app: App): boolean {
  const role = app.store.state.me?.role;
  return role === "editor" || role === "owner";
}

export function deviceName(app: App, id: string): string {
  return app.store.state.devices.get(id)?.name || id;
}

export function fenceName(app: App, id: string | null): string {
  return id === null ? "" : app.store.state.fences.get(id)?.properties.name || id;
}

export function putFence(app: App, fence: Fence): void {
  app.store.set({ fences: new Map(app.store.state.fences).set(fence.id, fence) });
}

export function dropFence(app: App, id: string): void {
  const fences = new Map(app.store.state.fences);
  fences.delete(id);
  app.store.set({ fences });
}

/** Where it was last heard of; null: nowhere yet. */
function lastPlace(app: App, id: string): Position | null {
  const { herd } = app;
  const slot = herd.slot(id);
  return slot === undefined || Number.isNaN(herd.x[slot])
    ? null
    : [herd.lon[slot]!, herd.lat[slot]!];
}

/** The page hears of what is in view only: where the animal is now, the service is asked. */
export async function showAnimal(
  app: App,
  id: string,
  orElse: Position | null = null,
): Promise<void> {
  const { store, herd } = app;
  const selection: Selection = { kind: "animal", id };
  store.set({ selection, tab: "map" });
  if (store.state.link === "live") {
    try {
      const device = await app.api.get<LiveDevice>(`/v1/devices/${encodeURIComponent(id)}`);
      herd.putDevice({ ...device, device: id });
    } catch {
      // Then the last place that is known must do.
    }
  }
  const place = lastPlace(app, id) ?? orElse;
  if (place && store.state.selection === selection) {
    app.map.showPlace(place);
  }
}

/** Tells of an animal whether the filters leave it: its id or name holds the search text. */
export function matcher(app: App): (id: string, device: Device | undefined) => boolean {
  const { filter, group } = app.store.state;
  const wanted = filter.trim().toLowerCase();
  return (id, device) =>
    (group === "" || (device?.groups?.includes(group) ?? false)) &&
    (wanted === "" ||
      id.toLowerCase().includes(wanted) ||
      (device?.name ?? "").toLowerCase().includes(wanted));
}
