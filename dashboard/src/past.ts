// src/past.ts - the inbox below what the page holds of itself: older rows, fetched page by page,
// and joined to what is live without a gap or a repeat, whatever arrives meanwhile.
import type { App } from "./app.ts";
import type { State } from "./state.ts";
import type { Alert, HrEvent } from "./types.ts";

export type Which = "open" | "all" | "late" | "events";
type List = keyof Reach;

/** The offsets from which on the page holds everything of a list. */
export interface Reach {
  events: number;
  all: number;
  open: number;
}

export interface Past {
  which: Which;
  severity: string;
  /** The live list is shown down to here, and `rows` go on below. */
  from: number;
  /** Below it the service is to be asked; null: there is nothing more. */
  next: number | null;
  rows: readonly Alert[]; // newest first
}

const PAGE_ROWS = 200;
const SEARCH_ROWS = 1000; // a page, where most rows are not what is looked for
const PAGES_MAX = 10; // for one press of the button
export const PAST_ROWS_MAX = 50_000;

function listOf(which: Which): List {
  return which === "late" ? "events" : which;
}

export function beginPast(reach: Reach, which: Which, severity: string): Past {
  const from = reach[listOf(which)];
  return { which, severity, from, next: from > 0 ? from : null, rows: [] };
}

/** Rows of a page that was asked for below `next`. */
export function withPage(past: Past, page: readonly Alert[], next: number | null): Past {
  const below = page.filter((row) => past.next !== null && row.alert < past.next);
  return { ...past, next, rows: [...past.rows, ...below] };
}

/** isKnown: whether somebody has acknowledged it is known; of old events it is not. */
export interface Row extends Alert {
  isKnown: boolean;
}

export type Inbox = Pick<State, "alerts" | "events" | "reach" | "past">;

function fits(past: Past | null, which: Which, severity: string): past is Past {
  return past !== null && past.which === which && past.severity === severity;
}

/** What a list shows, newest first, as far as it has been loaded. */
export function rowsOf(state: Inbox, which: Which, severity: string): Row[] {
  const from = state.reach[listOf(which)];
  const isOfAlerts = which === "open" || which === "all";
  const alertOf = new Map(state.alerts.map((alert) => [alert.alert, alert]));
  const rowOf = (alert: Alert): Row => {
    const known = alertOf.get(alert.alert) ?? (isOfAlerts ? alert : null);
    return { ...(known ?? alert), isKnown: known !== null };
  };
  const live = isOfAlerts
    ? state.alerts
    : state.events
        .filter((event) => which === "events" || event.late)
        .map((event) => ({ alert: event.offset, event, acked: null }));
  const older = fits(state.past, which, severity) ? state.past.rows : [];
  return [...live.filter((row) => row.alert >= from), ...older]
    .map(rowOf)
    .filter(
      (row) =>
        (severity === "" || row.event.severity === severity) && (which !== "open" || !row.acked),
    );
}

/** Whether the service may have more of it than the page. */
export function mayGoOn(state: Inbox, which: Which, severity: string): boolean {
  const { past } = state;
  return fits(past, which, severity)
    ? past.next !== null && past.rows.length < PAST_ROWS_MAX
    : state.reach[listOf(which)] > 0;
}

interface Page {
  rows: readonly Alert[];
  next: number | null;
}

async function askAlerts(app: App, { which }: Past, before: number, limit: number): Promise<Page> {
  const { alerts } = await app.api.get<{ alerts: Alert[] }>(
    `/v1/alerts?state=${which}&before=${before}&limit=${limit}`,
  );
  return { rows: alerts, next: alerts.length < limit ? null : (alerts.at(-1)?.alert ?? null) };
}

async function askEvents(app: App, past: Past, before: number, limit: number): Promise<Page> {
  const severity = past.severity === "" ? "" : `&severity=${past.severity}`;
  const late = past.which === "late" ? "&late=true" : "";
  const { events, next, more } = await app.api.get<{
    events: HrEvent[];
    next: number;
    more: boolean;
  }>(`/v1/events?before=${before}&limit=${limit}${severity}${late}`);
  const rows = events.map((event) => ({ alert: event.offset, event, acked: null }));
  return { rows, next: more ? next : null };
}

/**
 * Loads until as many older rows are found as are wanted, for some pages. What comes after the list
 * has changed is let go.
 */
export async function loadOlder(
  app: App,
  which: Which,
  severity: string,
  wanted: number,
  isFound: ((row: Alert) => boolean) | null,
): Promise<void> {
  const { store } = app;
  if (!fits(store.state.past, which, severity)) {
    store.set({ past: beginPast(store.state.reach, which, severity) });
  }
  const limit = isFound ? SEARCH_ROWS : PAGE_ROWS;
  for (let i = 0, found = 0; i < PAGES_MAX && found < wanted; i++) {
    const asked = store.state.past;
    if (!fits(asked, which, severity) || asked.next === null) {
      return;
    }
    const ask = which === "open" || which === "all" ? askAlerts : askEvents;
    const { rows, next } = await ask(app, asked, asked.next, limit);
    const now = store.state.past;
    if (!fits(now, which, severity) || now.next !== asked.next) {
      return;
    }
    store.set({ past: withPage(now, rows, next) });
    const fitting = rows.filter((row) => severity === "" || row.event.severity === severity);
    found += isFound ? fitting.filter(isFound).length : fitting.length;
  }
}
