// src/windows.ts - rows of standing queries: what they say, and as a line through time. Pure.

export interface WindowRow {
  from?: string;
  to?: string;
  final: boolean;
  group: (string | number | null)[];
  [name: string]: unknown;
}

const NOT_VALUES = new Set(["from", "to", "final", "group"]);

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
    for (const name of ["value", "estimate", "count"]) {
      if (typeof parts[name] === "number") {
        return parts[name];
      }
    }
  }
  return null;
}

/** Sums over all groups by the end of the window, oldest first. */
export function seriesOf(rows: readonly WindowRow[], name: string): [number[], number[]] {
  const sums = new Map<number, number>();
  for (const row of rows) {
    const value = numberOf(row[name]);
    if (row.to !== undefined && value !== null) {
      const at = Date.parse(row.to) / 1000;
      sums.set(at, (sums.get(at) ?? 0) + value);
    }
  }
  const times = [...sums.keys()].sort((a, b) => a - b);
  return [times, times.map((at) => sums.get(at)!)];
}

/** Lines "name = aggregate" as the contract's object. */
export function selectOf(text: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const [, name, aggregate] = /^\s*(\w+)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    return name && aggregate ? [[name, aggregate] as const] : [];
  });
  return Object.fromEntries(pairs);
}
