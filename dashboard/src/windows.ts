// src/windows.ts - rows of standing queries: what they say, and as lines through time. Pure.

export interface WindowRow {
  from?: string;
  to?: string;
  final: boolean;
  group: (string | number | null)[];
  [name: string]: unknown;
}

const NOT_VALUES = new Set(["from", "to", "final", "group"]);
const LINES_MAX = 6; // more cannot be told apart

/** The names of what is counted, in the order in which the query gives them. */
export function valueNames(rows: readonly WindowRow[]): string[] {
  return Object.keys(rows[0] ?? {}).filter((name) => !NOT_VALUES.has(name));
}

/** An aggregate is a number, or an object with its estimate beside its error. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") {
    return value;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const parts = value as Record<string, unknown>;
    for (const name of ["value", "estimate", "count", "level"]) {
      if (typeof parts[name] === "number") {
        return parts[name];
      }
    }
  }
  return null;
}

/** Sums over all groups by the end of the window (or of so many seconds), oldest first. */
export function seriesOf(
  rows: readonly WindowRow[],
  name: string,
  step_s = 1,
): [number[], number[]] {
  const sums = new Map<number, number>();
  for (const row of rows) {
    const value = numberOf(row[name]);
    if (row.to !== undefined && value !== null) {
      const at = Math.ceil(Date.parse(row.to) / 1000 / step_s) * step_s;
      sums.set(at, (sums.get(at) ?? 0) + value);
    }
  }
  const times = [...sums.keys()].sort((a, b) => a - b);
  return [times, times.map((at) => sums.get(at)!)];
}

/** The same with the steps in which nothing was counted. */
export function filledSeries(
  [times, values]: [number[], number[]],
  step_s: number,
): [number[], number[]] {
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined) {
    return [[], []];
  }
  const known = new Map(times.map((at, i) => [at, values[i] ?? 0]));
  const all: number[] = [];
  for (let at = first; at <= last; at += step_s) {
    all.push(at);
  }
  return [all, all.map((at) => known.get(at) ?? 0)];
}

export interface Lines {
  times: number[];
  lines: { name: string; values: (number | null)[] }[];
}

/** One line for each group, the largest first; more than one value: one line for each value. */
export function linesOf(
  rows: readonly WindowRow[],
  groupText: (row: WindowRow) => string,
  names: readonly string[] = valueNames(rows),
): Lines {
  const byLine = new Map<string, Map<number, number>>();
  const times = new Set<number>();
  const groups = new Set(rows.map((row) => row.group.join("\n")));
  const put = (line: string, at: number, value: number): void => {
    const values = byLine.get(line) ?? new Map<number, number>();
    values.set(at, (values.get(at) ?? 0) + value);
    byLine.set(line, values);
    times.add(at);
  };
  for (const row of rows) {
    const at = row.to === undefined ? NaN : Date.parse(row.to) / 1000;
    for (const name of groups.size > 1 ? names.slice(0, 1) : names) {
      const value = numberOf(row[name]);
      if (!Number.isNaN(at) && value !== null) {
        put(groups.size > 1 ? groupText(row) : name, at, value);
      }
    }
  }
  const ordered = [...times].sort((a, b) => a - b);
  const most = (values: Map<number, number>): number => Math.max(...values.values());
  const lines = [...byLine]
    .sort(([, a], [, b]) => most(b) - most(a))
    .slice(0, LINES_MAX)
    .map(([name, values]) => ({ name, values: ordered.map((at) => values.get(at) ?? null) }));
  return { times: ordered, lines };
}

/** Rows of the window that ends next (of sliding ones it holds the most); else of the last one. */
export function newestWindow(rows: readonly WindowRow[], nowMs: number): WindowRow[] {
  const ends = rows.map((row) => Date.parse(row.to ?? "")).filter((end) => !Number.isNaN(end));
  const ahead = ends.filter((end) => end > nowMs);
  const end = ahead.length > 0 ? Math.min(...ahead) : Math.max(...ends);
  return rows.filter((row) => Date.parse(row.to ?? "") === end);
}

/** Lines "name = aggregate" as the contract's object. */
export function selectOf(text: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const [, name, aggregate] = /^\s*(\w+)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    return name && aggregate ? [[name, aggregate] as const] : [];
  });
  return Object.fromEntries(pairs);
}
