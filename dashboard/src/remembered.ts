// src/remembered.ts - where one was on the map and what one had chosen, kept by this browser.
import { keep, kept } from "./kept.ts";
import type { Position } from "./types.ts";

export interface Remembered {
  /** Names the data; a place on another farm's map says nothing about this one. */
  epoch: string;
  center: Position | null;
  zoom: number;
  group: string;
  order: string;
  severity: string;
}

const KEY = "hedgerow.view";

function empty(epoch: string): Remembered {
  return { epoch, center: null, zoom: 0, group: "", order: "", severity: "" };
}

export function recall(epoch: string | null): Remembered {
  const found = { ...empty(""), ...kept<Partial<Remembered>>("local", KEY) };
  return found.epoch === epoch ? found : empty(epoch ?? "");
}

export function remember(epoch: string | null, patch: Partial<Remembered>): void {
  if (epoch !== null) {
    keep("local", KEY, { ...recall(epoch), ...patch });
  }
}
