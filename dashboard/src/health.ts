// src/health.ts - why the service is not well, in the reader's language and with what to do. The
// service names each case; one that is not known here is shown in its own words.
import type { Key, Translate } from "./i18n.ts";
import type { HealthItem } from "./types.ts";

const MS_PER_S = 1000;

const SENTENCES: Readonly<Record<string, Key>> = {
  "broker.away": "health.broker_away",
  "broker.certificate": "health.broker_certificate",
  "broker.down": "health.broker_down",
  "broker.dropped": "health.broker_dropped",
  "broker.name_twice": "health.broker_twice",
  "broker.refuses": "health.broker_refuses",
  "broker.short_sessions": "health.broker_twice",
  "clock.device_ahead": "health.clock_device",
  "clock.gateway_ahead": "health.clock_ahead",
  "clock.gateway_behind": "health.clock_behind",
  "clock.more": "health.clocks",
  "disk.failed": "health.disk_fails",
  "disk.filling": "health.disk_filling",
  "disk.full": "health.disk_full",
  "engine.replays": "health.replay",
  "history.anew": "health.history_anew",
  "history.aside": "health.history_aside",
  "history.behind": "health.history_behind",
  "history.damaged": "health.history_damaged",
  "history.waits": "health.history",
  "ingest.waits": "health.log_limit",
  "log.damaged": "health.log_damaged",
  "log.keeps_old": "health.old_log",
  "log.limit": "health.log_limit",
  "schedules.fail": "health.schedules",
  "webhook.fails": "health.webhook",
};

export interface Reason {
  text: string;
  /** The service's own words, where they are not all of the text; else "". */
  original: string;
}

/** age: a span of time in the reader's language. */
export function readItem(item: HealthItem, t: Translate, age: (ms: number) => string): Reason {
  const key = SENTENCES[item.code];
  if (key === undefined) {
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
