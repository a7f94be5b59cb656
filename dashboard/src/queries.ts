// src/queries.ts - standing queries: what they are called in plain words, what their rows say.
import type { App } from "./app.ts";
import { deviceName, fenceName } from "./app.ts";
import type { Line } from "./charts.ts";
import { isKey } from "./i18n.ts";
import { numberOf } from "./windows.ts";
import type { WindowRow } from "./windows.ts";

export interface Query {
  name: string;
  status: "running" | "stopped" | "failed";
  reason?: string;
  definition?: {
    about?: string;
    group_by?: string[];
    window?: { type?: string; size?: string };
    select?: Record<string, string>;
  };
}

/** The reader's word for what the service names, where there is one. */
function wordFor({ t }: App, key: string, name: string): string {
  return isKey(key) ? t(key) : name;
}

function titleOf(name: string): string {
  return `query.${name}`;
}

/** A query of one's own is called what its maker calls it. */
export function queryTitle(app: App, name: string): string {
  return wordFor(app, titleOf(name), name);
}

/** What the shipped ones say of themselves is in their title already. */
export function queryAbout(query: Query): string {
  return isKey(titleOf(query.name)) ? "" : (query.definition?.about ?? "");
}

const QUANTILE = /^quantile\(.*,\s*(0?\.\d+)\s*\)$/;

/** A quantile says in numbers what it is; other columns are called what the query calls them. */
export function columnTitle(app: App, column: string, aggregate = ""): string {
  const part = Number(QUANTILE.exec(aggregate)?.[1] ?? NaN);
  if (!Number.isNaN(part)) {
    return app.t("quantile.below", { n: app.format.number(part * 100) });
  }
  return wordFor(app, `column.${column}`, column);
}

function partText(app: App, column: string | undefined, part: string | number | null): string {
  if (part === null) {
    return column === "device_group" ? app.t("group.none") : "–";
  }
  const text = String(part);
  switch (column) {
    case "fence":
      return fenceName(app, text);
    case "device":
      return deviceName(app, text);
    case "kind":
      return wordFor(app, `kind.${text}`, text);
    default:
      return text;
  }
}

export function groupText(app: App, query: Query, row: WindowRow): string {
  const columns = query.definition?.group_by ?? [];
  return row.group.map((part, i) => partText(app, columns[i], part)).join(", ");
}

const DAY_MS = 86_400_000;

export function spanText(app: App, row: WindowRow): string {
  const { t, format } = app;
  if (!row.from || !row.to) {
    return t("windows.since");
  }
  const [from, to] = [Date.parse(row.from), Date.parse(row.to)];
  const clock = from % 60_000 === 0 && to % 60_000 === 0 ? format.minute : format.clock;
  const span =
    to - from === DAY_MS
      ? format.day(from)
      : to - from > DAY_MS
        ? `${format.day(from)} – ${format.day(to)}`
        : `${clock(from)} – ${clock(to)}`;
  return row.final ? span : `${span} (${t("windows.open")})`;
}

/** Whether an aggregate gives a speed, which has a unit of one's choice. */
function isSpeed(aggregate: string): boolean {
  return /^(quantile|min|max|mean)\(\s*speed_mps\b/.test(aggregate);
}

/** Lines as they are drawn: columns by their titles, speeds in the unit of one's choice. `column`
 * is what the lines of groups are of. */
export function chartLines(app: App, query: Query, lines: readonly Line[], column = ""): Line[] {
  const select = query.definition?.select ?? {};
  return lines.map(({ name, values }) => {
    const isColumn = name in select;
    const aggregate = select[isColumn ? name : column] ?? "";
    const title = isColumn ? columnTitle(app, name, aggregate) : name;
    return isSpeed(aggregate)
      ? {
          name: `${title} (${app.format.speedUnit})`,
          values: values.map((mps) => (mps === null ? null : app.format.speedValue(mps))),
        }
      : { name: title, values };
  });
}

/** Lists and objects as words; speeds, stays and trends as what they are. */
export function valueText(app: App, value: unknown, aggregate = ""): string {
  const { format, t } = app;
  const number = numberOf(value);
  if (number !== null && isSpeed(aggregate)) {
    return format.speed(number);
  }
  if (number !== null) {
    const { slope, uncertainty_s, visits } = value as Record<string, unknown>;
    if (typeof uncertainty_s === "number" && typeof visits === "number") {
      const time = format.age(number * 1000);
      const error = format.age(uncertainty_s * 1000);
      return `${t("stays.row", { time, error })} · ${t("stays.visits", { n: visits })}`;
    }
    const text = format.number(number, Number.isInteger(number) ? 0 : 2);
    return typeof slope === "number" ? `${text} (${format.number(slope, 2)}/d)` : text;
  }
  if (Array.isArray(value)) {
    return value.map((part) => itemText(app, part)).join(", ");
  }
  return value === null || value === undefined ? "–" : itemText(app, value);
}

function itemText(app: App, item: unknown): string {
  if (typeof item !== "object" || item === null) {
    return String(item);
  }
  const parts = item as Record<string, unknown>;
  if ("value" in parts && "count" in parts) {
    return `${String(parts["value"])} × ${String(parts["count"])}`;
  }
  return Object.entries(parts)
    .map(([name, part]) =>
      `${name} ${typeof part === "number" ? app.format.number(part, 2) : String(part)}`)
    .join(" ");
}
