// src/health.ts - why the service is not well, in the reader's language and with what to do. The
// service names each case; one that is not known here is shown in its own words.
import type { Translate } from "./i18n.ts";
import { isKey } from "./i18n.ts";
import type { HealthItem } from "./types.ts";

const MS_PER_S = 1000;

/** What differs for programs alone. */
const SAME: Readonly<Record<string, string>> = {
  "broker.short_sessions": "broker.name_twice",
  "ingest.waits": "log.limit",
};

export interface Reason {
  text: string;
  /** The service's own words, where they are not all of the text; else "". */
  original: string;
}

/** age: a span of time in the reader's language. */
export function readItem(item: HealthItem, t: Translate, age: (ms: number) => string): Reason {
  const key = `reason.${SAME[item.code] ?? item.code}`;
  if (!isKey(key)) {
    return { text: item.message, original: "" };
  }
  const { seconds } = item.values;
  const span = seconds === undefined ? "" : age(Number(seconds) * MS_PER_S);
  return { text: t(key, { ...item.values, span }), original: item.message };
}

/** Two parts may suffer from the same thing: it is told once. */
export function reasonsOf(
  items: readonly HealthItem[],
  t: Translate,
  age: (ms: number) => string,
): Reason[] {
  const byText = new Map<string, Reason>();
  for (const item of items) {
    const reason = readItem(item, t, age);
    if (!byText.has(reason.text)) {
      byText.set(reason.text, reason);
    }
  }
  return [...byText.values()];
}
