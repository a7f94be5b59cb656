// src/health.ts - why the service is not well, in the reader's language and with what to do.
// The service words them in English; what is not known here is shown as it came.
import type { Key, Translate } from "./i18n.ts";

const S_PER_MIN = 60;

/** First match wins; named groups become values of the string. */
const KNOWN: readonly (readonly [RegExp, Key])[] = [
  [/still being replayed/, "health.replay"],
  [/^the disk with .* is full/, "health.disk_full"],
  [/^disk (?<pct>\d+) % full/, "health.disk_filling"],
  [/holds as much as it may/, "health.log_limit"],
  [/^the journal in .* failed/, "health.disk_fails"],
  [/^history: (?<min>\d+) minutes behind/, "health.history_behind"],
  [/^history: damaged pieces/, "health.history_damaged"],
  [/^the history was put aside/, "health.history_aside"],
  [/^history: /, "health.history"],
  [/^the broker is down since (?<s>\d+) s/, "health.broker_down"],
  [/^the broker refuses the subscription/, "health.broker_refuses"],
  [/^(lost|cannot connect to|cannot subscribe at) |^not connected yet/, "health.broker_away"],
  [/^the clock of gateway (?<name>\S+) is (?<span>\d+ \w+) ahead/, "health.clock_ahead"],
  [/^the clock of gateway (?<name>\S+) is (?<span>\d+ \w+) behind/, "health.clock_behind"],
  [/^the clock of device (?<name>\S+) .* is (?<span>\d+ \w+) ahead/, "health.clock_device"],
  [/^(?<n>\d+) more clocks/, "health.clocks"],
  [/^webhook (?<name>.*) fails: (?<n>\d+) events/, "health.webhook"],
  [/^renewing schedules: /, "health.schedules"],
  [/^letting go of old log files: /, "health.old_log"],
];

export interface Reason {
  text: string;
  /** The service's own words, where they are not all of the text; else "". */
  original: string;
}

/** "3 h" as the service writes it. */
function spanText(span: string, t: Translate): string {
  const [n = "", unit] = span.split(" ");
  return unit === "min" || unit === "h" || unit === "days" ? t(`age.${unit}`, { n }) : span;
}

export function readReason(reason: string, t: Translate): Reason {
  for (const [pattern, key] of KNOWN) {
    const match = pattern.exec(reason);
    if (match) {
      const values: Record<string, string | number> = { ...match.groups };
      if (match.groups?.["s"] !== undefined) {
        values["min"] = Math.ceil(Number(match.groups["s"]) / S_PER_MIN);
      }
      if (match.groups?.["span"] !== undefined) {
        values["span"] = spanText(match.groups["span"], t);
      }
      return { text: t(key, values), original: reason };
    }
  }
  return { text: reason, original: "" };
}
