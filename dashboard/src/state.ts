// src/state.ts - what the page knows. Events of the live protocol and people's actions change it.
import type { History } from "./history.ts";
import type { LinkState } from "./live.ts";
import type { Past, Reach } from "./past.ts";
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
  /** Tells it from others: an answer to what it has asked may come when another one is open. Kept
   * with it, so that a copy of the tab knows what the other has saved. */
  key: string;
  /** null: a new fence. */
  id: string | null;
  etag: string | null;
  kind: ShapeKind;
  /** null while the first outline is being drawn. */
  history: History<Shape> | null;
  props: FenceProps;
  isAddingHole: boolean;
  /** It was sent, and no answer came: it may be saved. */
  isUnsure: boolean;
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

/** What changes with each fix, of animals in view or not. */
export type Latest = Pick<Device, "speed_mps" | "battery_pct">;

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
  areEventsKnown: boolean;
  reach: Reach;
  past: Past | null;
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
  /** As of when a list of animals was last looked at. */
  latest: ReadonlyMap<string, Latest>;
  /** Days that each battery lasts, where its trend is known. */
  batteryDays: ReadonlyMap<string, number>;
  /** Rows of the standing queries that are looked at. */
  windows: ReadonlyMap<string, readonly WindowRow[]>;
  measuring: boolean;
  track: Track | null;
  notice: Notice | null;
  /** On a phone: the map has the whole page. */
  isMapLarge: boolean;
  /** Whether the gateway has a newer version of this page, or another map for it. */
  isOld: boolean;
}

/** Loaded at first, and held of what arrives; much more where older rows hang on below them. */
export const EVENTS_MAX = 500;
export const ALERTS_MAX = 500;
const HELD_ALERTS_MAX = 2 * ALERTS_MAX; // the newest, and the newest open ones
const HELD_ABOVE_PAST_MAX = 10_000;

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
    areEventsKnown: false,
    reach: { events: 0, all: 0, open: 0 },
    past: null,
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
    latest: new Map(),
    batteryDays: new Map(),
    windows: new Map(),
    measuring: false,
    track: null,
    notice: null,
    isMapLarge: false,
    isOld: false,
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

type EventPart = Pick<State, "alerts" | "events" | "escaped" | "reach" | "past">;

/** The lists not longer than they may be; what is cut off is no longer within reach. */
function cut(part: EventPart): EventPart {
  const isHeld = part.past !== null;
  const alertsMax = isHeld ? HELD_ABOVE_PAST_MAX : HELD_ALERTS_MAX;
  const eventsMax = isHeld ? HELD_ABOVE_PAST_MAX : EVENTS_MAX;
  if (part.alerts.length <= alertsMax && part.events.length <= eventsMax) {
    return part;
  }
  const alerts = part.alerts.slice(0, HELD_ALERTS_MAX);
  const events = part.events.slice(0, EVENTS_MAX);
  const alertsFrom = alerts.length < part.alerts.length ? (alerts.at(-1)?.alert ?? 0) : 0;
  const eventsFrom = events.length < part.events.length ? (events.at(-1)?.offset ?? 0) : 0;
  const reach = {
    all: Math.max(part.reach.all, alertsFrom),
    open: Math.max(part.reach.open, alertsFrom),
    events: Math.max(part.reach.events, eventsFrom),
  };
  return { ...part, alerts, events, reach, past: null };
}

/** A new event, of the live protocol; one that is known already changes nothing. */
export function withEvent(state: EventPart, event: HrEvent): EventPart {
  if (state.events.some((known) => known.offset === event.offset)) {
    return state;
  }
  const alerts =
    isAlert(event) && !state.alerts.some((alert) => alert.alert === event.offset)
      ? [{ alert: event.offset, event, acked: null }, ...state.alerts]
      : state.alerts;
  const events = [event, ...state.events];
  events.sort((a, b) => b.offset - a.offset);
  return cut({ ...state, alerts, events, escaped: escapedAfter(state.escaped, event) });
}

function acknowledged(rows: readonly Alert[], offset: number, acked: Acked): readonly Alert[] {
  return rows.map((alert) =>
    alert.alert === offset && !alert.acked ? { ...alert, acked } : alert,
  );
}

export function withAck(
  state: Pick<State, "alerts" | "past">,
  offset: number,
  acked: Acked,
): Pick<State, "alerts" | "past"> {
  const { alerts, past } = state;
  return {
    alerts: acknowledged(alerts, offset, acked),
    past: past && { ...past, rows: acknowledged(past.rows, offset, acked) },
  };
}

/** What the service answered when everything was loaded. */
export interface Loaded {
  all: readonly Alert[];
  open: readonly Alert[];
  events: readonly HrEvent[];
  /** Below it there may be older events; 0: there are none. */
  eventsFrom: number;
  /** The last crossings of animals that an alarm has put on the wrong side, however long ago. */
  outside: readonly HrEvent[];
}

/** A list that is as long as one may ask for goes on below its end. */
function endOf(alerts: readonly Alert[]): number {
  return alerts.length < ALERTS_MAX ? 0 : (alerts.at(-1)?.alert ?? 0);
}

/** What is loaded meets what has arrived meanwhile; what is older than that begins anew. */
export function withLoaded(state: EventPart, loaded: Loaded): EventPart {
  const reach = { events: loaded.eventsFrom, all: endOf(loaded.all), open: endOf(loaded.open) };
  const arrived = state.alerts.filter(({ alert }) => alert >= reach.all);
  const byOffset = new Map(arrived.map((alert) => [alert.alert, alert]));
  for (const alert of [...loaded.open, ...loaded.all]) {
    if (!byOffset.get(alert.alert)?.acked) {
      byOffset.set(alert.alert, alert);
    }
  }
  const known = new Map<number, HrEvent>();
  for (const event of [...state.events, ...loaded.events]) {
    if (event.offset >= reach.events) {
      known.set(event.offset, event);
    }
  }
  const oldestFirst = new Map(known);
  for (const event of loaded.outside) {
    oldestFirst.set(event.offset, event);
  }
  for (const alert of byOffset.values()) {
    oldestFirst.set(alert.alert, alert.event);
  }
  let escaped: ReadonlyMap<string, HrEvent> = new Map();
  for (const event of [...oldestFirst.values()].sort((a, b) => a.offset - b.offset)) {
    escaped = escapedAfter(escaped, event);
  }
  return cut({
    alerts: [...byOffset.values()].sort((a, b) => b.alert - a.alert),
    events: [...known.values()].sort((a, b) => b.offset - a.offset),
    escaped,
    reach,
    past: null,
  });
}

type Known = Pick<State, "escaped" | "fences" | "devices" | "areFencesKnown" | "areDevicesKnown">;

/** Who is out by the rules of now: nothing happens to an animal when its fence is taken away, has
 * expired or is no longer one to stay in, nor when the animal itself is taken out of the books. */
export function outNow(state: Known, nowMs: number): HrEvent[] {
  return [...state.escaped.values()].filter(({ device, fence, kind }) => {
    const props = state.fences.get(fence ?? "")?.properties;
    const isKept = !state.areDevicesKnown || state.devices.has(device);
    if (!props || !isKept) {
      return !state.areFencesKnown && isKept;
    }
    const isOver = props.expires_at && Date.parse(props.expires_at) <= nowMs;
    return !isOver && props.intent === (kind === "exit" ? "keep-in" : "keep-out");
  });
}

/** What nobody has acknowledged yet. */
export function openAlerts({ alerts }: Pick<State, "alerts">): Alert[] {
  return alerts.filter((alert) => !alert.acked);
}

/** How urgent each animal is to look at: who is out now comes before whose alert is open. */
export function levelsOf(state: Known & Pick<State, "alerts">, nowMs: number): Map<string, number> {
  const levels = new Map<string, number>();
  for (const { event } of openAlerts(state)) {
    levels.set(event.device, LEVEL_WARNING);
  }
  for (const event of outNow(state, nowMs)) {
    levels.set(event.device, LEVEL_ALARM);
  }
  return levels;
}
