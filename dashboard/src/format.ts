// src/format.ts - numbers, lengths, areas, times, as people of a language and its units read them.
import type { Translate } from "./i18n.ts";
import type { Settings } from "./settings.ts";
import { localeOf } from "./settings.ts";

const M_PER_FT = 0.3048;
const M_PER_MILE = 1609.344;
const M2_PER_ACRE = 4046.8564224;
const KMH_PER_MPS = 3.6;
const MPH_PER_MPS = 3600 / M_PER_MILE;
const M2_PER_HA = 10_000;

const LABEL_LENGTH_MAX = 24;

/** A name as it is written on the map, where it stands beside others. */
export function labelOf(name: string): string {
  const letters = [...name];
  return letters.length <= LABEL_LENGTH_MAX
    ? name
    : `${letters.slice(0, LABEL_LENGTH_MAX - 1).join("").trimEnd()}…`;
}

export interface Format {
  number(value: number, digits?: number): string;
  length(m: number): string;
  /** Metres as the number that a form shows, in this unit, and back. */
  lengthUnit: string;
  lengthValue(m: number): number;
  metres(value: number): number;
  area(m2: number): string;
  speed(mps: number): string;
  /** The number of the same, and its unit, for charts. */
  speedValue(mps: number): number;
  speedUnit: string;
  clock(time: string | number): string;
  moment(time: string | number): string;
  /** Hours and minutes. */
  minute(time: string | number): string;
  day(time: string | number): string;
  age(ms: number): string;
  position(lon: number, lat: number): string;
}

export function formatter(settings: Settings, t: Translate): Format {
  const { units } = settings;
  const locale = localeOf(settings.language);
  const isMetric = units === "metric";
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
  const minute = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
  const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const number = (value: number, digits = 0): string =>
    value.toLocaleString(locale, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  return {
    number,
    length(m) {
      if (isMetric) {
        return m < 10_000 ? `${number(m, m < 100 ? 1 : 0)} m` : `${number(m / 1000, 2)} km`;
      }
      const ft = m / M_PER_FT;
      return ft < 5280 ? `${number(ft)} ft` : `${number(m / M_PER_MILE, 2)} mi`;
    },
    lengthUnit: isMetric ? "m" : "ft",
    lengthValue: (m) => Math.round((isMetric ? m : m / M_PER_FT) * 100) / 100,
    metres: (value) => (isMetric ? value : Math.round(value * M_PER_FT * 100) / 100),
    area(m2) {
      const value = isMetric ? m2 / M2_PER_HA : m2 / M2_PER_ACRE;
      const unit = isMetric ? "ha" : t("unit.acres");
      return `${number(value, value < 10 ? 2 : value < 1000 ? 1 : 0)} ${unit}`;
    },
    speed(mps) {
      return `${number(this.speedValue(mps), 1)} ${this.speedUnit}`;
    },
    speedValue: (mps) => mps * (isMetric ? KMH_PER_MPS : MPH_PER_MPS),
    speedUnit: isMetric ? "km/h" : "mph",
    clock: (time) => clock.format(new Date(time)),
    moment: (time) => moment.format(new Date(time)),
    minute: (time) => minute.format(new Date(time)),
    day: (time) => day.format(new Date(time)),
    age(ms) {
      const s = Math.max(0, Math.round(ms / 1000));
      if (s < 60) {
        return t("age.s", { n: s });
      }
      if (s < 3600) {
        return t("age.min", { n: Math.floor(s / 60) });
      }
      return s < 172_800
        ? t("age.h", { n: Math.floor(s / 3600) })
        : t("age.days", { n: Math.floor(s / 86_400) });
    },
    position(lon, lat) {
      const part = (value: number, plus: string, minus: string): string =>
        `${number(Math.abs(value), 5)}°\u00a0${value < 0 ? minus : plus}`;
      const north = part(lat, t("compass.n"), t("compass.s"));
      const within = lon - 360 * Math.round(lon / 360);
      return `${north}, ${part(within, t("compass.e"), t("compass.w"))}`;
    },
  };
}
