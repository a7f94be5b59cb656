// src/state.ts - what the page knows. Events of the live protocol and people's actions change it.
import type { History } from "./history.ts";
import type { LinkState } from "./live.ts";
import type { Settings } from "./settings.ts";
import { LEVEL_ALARM, LEVEL_WARNING } from "./herd.ts";
import type { Shape, ShapeKind } from "./shape.ts";
import type { WindowRow } from "./windows.ts";
import type {
  Acked,
  Alert,
  Box,
  Device,
  Farm,
  Fence,
  FenceProps,
  Health,
  HrEvent,
  Me,
} from "./types.ts";

export type Tab = "map" | "alerts" | "animals" | "windows" | "system";
export type Phase = "starting" | "setup" | "login" | "in";

export interface Draft {
  /** null: a new fence. */
  id: string | null;
  etag: string | null;
  kind: ShapeKind;
  /** null while the first outline is being drawn. */
  history: History<Shape> | null;
  props: FenceProps;
  isAddingHole: boolean;
  isSaving: boolean;
  error: string | null;
  /** What somebody else has saved meanwhile. */
  theirs: { fence: Fence; etag: string | null } | null;
}

export interface Selection {
  kind: "animal" | "fence";
  id: string;
}

export interface Notice {
  text: string;
  tone: "good" | "bad" | "plain";
}

export interface TrackPoint {
  lon: number;
  lat: number;
  timeMs: number;
}

export interface Track {
  device: string;
  points: readonly TrackPoint[];
  /** Index of the point that the slider stands at. */
  at: number;
  isHeat: boolean;
}

export interface State {
  phase: Phase;
  me: Me | null;
  farm: Farm | null;
  settings: Settings;
  tab: Tab;
  link: LinkState;
  health: Health | null;
  fences: ReadonlyMap<string, Fence>;
  /** Whether `fences` is what the service has, rather than nothing yet. */
  areFencesKnown: boolean;
  devices: ReadonlyMap<string, Device>;
  areDevicesKnown: boolean;
  alerts: readonly Alert[]; // newest first
  events: readonly HrEvent[]; // newest first
  /** "device fence" of the animals that are out of where they should be, with the event. */
  escaped: ReadonlyMap<string, HrEvent>;
  herdVersion: number;
  view: Box | null;
  counts: readonly [number, number, number][];
  selection: Selection | null;
  filter: string;
  group: string;
  draft: Draft | null;
  /** The outline as far as it is drawn. */
  sketch: Shape | null;
  /** Ids of the fences that each animal is in, as far as asked for. */
  inside: ReadonlyMap<string, readonly string[]>;
  /** Days that each battery lasts, where its trend is known. */
  batteryDays: ReadonlyMap<string, number>;
  /** Rows of the standing queries that are looked at. */
  windows: ReadonlyMap<string, readonly WindowRow[]>;
  measuring: boolean;
  track: Track | null;
  notice: Notice | null;
}

export const EVENTS_MAX = 500;
export const ALERTS_MAX = 500;

export function initialState(settings: Settings): State {
  return {
    phase: "starting",
    me: null,
    farm: null,
    settings,
    tab: "map",
    link: "connecting",
    health: null,
    fences: new Map(),
    areFencesKnown: false,
    devices: new Map(),
    areDevicesKnown: false,
    alerts: [],
    events: [],
    escaped: new Map(),
    herdVersion: 0,
    view: null,
    counts: [],
    selection: null,
    filter: "",
    group: "",
    draft: null,
    sketch: null,
    inside: new Map(),
    batteryDays: new Map(),
    windows: new Map(),
    measuring: false,
    track: null,
    notice: null,
  };
}

function isAlert(event: HrEvent): boolean {
  return event.severity !== "info" && !event.late;
}

function pairOf(event: HrEvent): string {
  return `${event.device} ${event.fence ?? "-"}`;
}

function isSide(event: HrEvent): boolean {
  return event.kind === "enter" || event.kind === "exit";
}

/** Whom an alarm has put on the wrong side, and who is back since. */
function escapedAfter(
  before: ReadonlyMap<string, HrEvent>,
  event: HrEvent,
): ReadonlyMap<string, HrEvent> {
  if (!isSide(event)) {
    return before;
  }
  const pair = pairOf(event);
  const old = before.get(pair);
  if (old && Date.parse(old.time) > Date.parse(event.time)) {
    return before;
  }
  if (event.severity === "alarm" && !event.late) {
    return new Map(before).set(pair, event);
  }
  if (old && old.kind !== event.kind) {
    const after = new Map(before);
    after.delete(pair);
    return after;
  }
  return before;
}

type EventPart = Pick<State, "alerts" | "events" | "escaped">;

/** A new event, of the live protocol; one that is known already changes nothing. */
export function withEvent(state: EventPart, event: HrEvent): EventPart {
  if (state.events.some((known) => known.offset === event.offset)) {
    return state;
  }
  const alerts =
    isAlert(event) && !state.alerts.some((alert) => alert.alert === event.offset)
      ? [{ alert: event.offset, event, acked: null }, ...state.alerts].slice(0, ALERTS_MAX)
      : state.alerts;
  const events = [event, ...state.events];
  events.sort((a, b) => b.offset - a.offset);
  return {
    alerts,
    events: events.slice(0, EVENTS_MAX),
    escaped: escapedAfter(state.escaped, event),
  };
}

export function withAck(alerts: readonly Alert[], offset: number, acked: Acked): readonly Alert[] {
  return alerts.map((alert) =>
    alert.alert === offset && !alert.acked ? { ...alert, acked } : alert,
  );
}

/** What is loaded meets what has arrived meanwhile. `outside` are the last crossings of animals
 * that an alarm has put on the wrong side, however long ago. */
export function withLoaded(
  state: EventPart,
  alerts: readonly Alert[],
  events: readonly HrEvent[],
  outside: readonly HrEvent[] = [],
): EventPart {
  const byOffset = new Map(state.alerts.map((alert) => [alert.alert, alert]));
  for (const alert of alerts) {
    byOffset.set(alert.alert, alert);
  }
  const known = new Map(state.events.map((event) => [event.offset, event]));
  for (const event of events) {
    known.set(event.offset, event);
  }
  const oldestFirst = new Map(known);
  for (const event of outside) {
    oldestFirst.set(event.offset, event);
  }
  for (const alert of byOffset.values()) {
    oldestFirst.set(alert.alert, alert.event);
  }
  let escaped: ReadonlyMap<string, HrEvent> = new Map();
  for (const event of [...oldestFirst.values()].sort((a, b) => a.offset - b.offset)) {
    escaped = escapedAfter(escaped, event);
  }
  return {
    alerts: [...byOffset.values()].sort((a, b) => b.alert - a.alert).slice(0, ALERTS_MAX),
    events: [...known.values()].sort((a, b) => b.offset - a.offset).slice(0, EVENTS_MAX),
    escaped,
  };
}

/** How urgent each animal is to look at: who is out now comes before whose alert is open. */
export function levelsOf(state: EventPart): Map<string, number> {
  const levels = new Map<string, number>();
  for (const alert of state.alerts) {
    if (!alert.acked) {
      levels.set(alert.event.device, LEVEL_WARNING);
    }
  }
  for (const event of state.escaped.values()) {
    levels.set(event.device, LEVEL_ALARM);
  }
  return levels;
}
