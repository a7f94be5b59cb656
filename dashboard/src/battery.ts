// src/battery.ts - how long batteries last, by the trend that a standing query keeps of each.
import { ApiError } from "./api.ts";
import type { App } from "./app.ts";
import type { WindowRow } from "./windows.ts";

export const BATTERY_QUERY = "battery-days";
const DAY_MS = 86_400_000;
const DAYS_MAX = 1000; // a line that is nearly flat says nothing

/** Days until the trend meets zero; null: it does not, or nobody can tell yet. */
export function daysLeft(trend: unknown, nowMs: number): number | null {
  const zero = (trend as { zero?: unknown } | null)?.zero;
  const days = typeof zero === "number" ? zero - nowMs / DAY_MS : NaN;
  return days >= 0 && days <= DAYS_MAX ? days : null;
}

export function batteryDays(rows: readonly WindowRow[], nowMs: number): Map<string, number> {
  const all = new Map<string, number>();
  for (const row of rows) {
    const days = daysLeft(row["battery"], nowMs);
    if (days !== null) {
      all.set(String(row.group[0]), days);
    }
  }
  return all;
}

/** False: the query does not run. */
export async function loadBatteryDays(app: App): Promise<boolean> {
  try {
    const path = `/v1/queries/${BATTERY_QUERY}`;
    const { status } = await app.api.get<{ status: string }>(path);
    if (status !== "running") {
      return false;
    }
    const { rows } = await app.api.get<{ rows: WindowRow[] }>(`${path}/rows?limit=10000`);
    app.store.set({ batteryDays: batteryDays(rows, app.clock.now()) });
    return true;
  } catch (reason) {
    if (reason instanceof ApiError) {
      return false;
    }
    throw reason;
  }
}
