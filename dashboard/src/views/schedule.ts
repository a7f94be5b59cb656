// src/views/schedule.ts - when a fence is on: a week as a grid of hours, kept as rows of times.
import type { App } from "../app.ts";
import { h } from "../dom.ts";
import type { Day, Schedule, ScheduleRow } from "../types.ts";

export const DAYS: readonly Day[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const HOURS = 24;

/** Hours that are on, by day: week[0][6] is Monday from six to seven. */
export type Week = boolean[][];

export function emptyWeek(isOn = false): Week {
  return DAYS.map(() => Array.from({ length: HOURS }, () => isOn));
}

function hourText(hour: number): string {
  return `${String(hour % HOURS).padStart(2, "0")}:00`;
}

/** Null: the schedule has times that are not whole hours, which a grid cannot show. */
export function weekOf(schedule: Schedule): Week | null {
  const week = emptyWeek();
  for (const row of schedule.weekly) {
    const from = /^(\d\d):00$/.exec(row.from);
    const to = /^(\d\d):00$/.exec(row.to);
    if (!from || !to) {
      return null;
    }
    const begin = Number(from[1]);
    const end = Number(to[1]) > begin ? Number(to[1]) : Number(to[1]) + HOURS;
    for (const day of row.days) {
      for (let hour = begin; hour < end; hour++) {
        const index = (DAYS.indexOf(day) + Math.floor(hour / HOURS)) % DAYS.length;
        week[index]![hour % HOURS] = true;
      }
    }
  }
  return week;
}

/** As few rows as the grid needs: days with the same hours share one. */
export function rowsOf(week: Week): ScheduleRow[] {
  const daysOf = new Map<string, Day[]>();
  week.forEach((hours, index) => {
    for (let from = 0; from < HOURS; from++) {
      if (!hours[from] || (from > 0 && hours[from - 1])) {
        continue;
      }
      let to = from;
      while (to < HOURS && hours[to]) {
        to++;
      }
      const key = `${hourText(from)} ${hourText(to)}`;
      daysOf.set(key, [...(daysOf.get(key) ?? []), DAYS[index] as Day]);
    }
  });
  return [...daysOf].map(([key, days]) => {
    const [from = "", to = ""] = key.split(" ");
    return { days, from, to };
  });
}

/** 0 is Monday. It is that day of the week, wherever the reader is. */
export function dayName(index: number, language: string): string {
  return new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" }).format(
    new Date(Date.UTC(2024, 0, 1 + index, 12)),
  );
}

interface Grid {
  element: HTMLElement;
  set(week: Week): void;
}

/** Arrow keys move, space switches, a drag paints. */
function weekGrid(app: App, first: Week, change: (week: Week) => void): Grid {
  const { t, store } = app;
  const names = DAYS.map((_, index) => dayName(index, store.state.settings.language));
  let week = first;
  let painting: boolean | null = null;
  const cells: HTMLButtonElement[][] = [];
  const show = (): void =>
    cells.forEach((row, day) =>
      row.forEach((cell, hour) => cell.setAttribute("aria-pressed", String(week[day]![hour]))),
    );
  const paint = (day: number, hour: number, isOn: boolean): void => {
    if (week[day]![hour] !== isOn) {
      week = week.map((row, i) => (i === day ? row.with(hour, isOn) : row));
      show();
      change(week);
    }
  };
  const focus = (day: number, hour: number): void => {
    const cell = cells[(day + DAYS.length) % DAYS.length]![(hour + HOURS) % HOURS]!;
    cells.flat().forEach((other) => (other.tabIndex = -1));
    cell.tabIndex = 0;
    cell.focus();
  };
  const makeCell = (day: number, hour: number): HTMLButtonElement => {
    const cell = h("button", {
      type: "button",
      class: "hour",
      tabindex: day === 0 && hour === 0 ? 0 : -1,
      "aria-pressed": "false",
      "aria-label": `${names[day]} ${hourText(hour)}`,
      "data-cell": `${day}-${hour}`,
    });
    // A finger that moves is scrolling; only a mouse paints by dragging.
    cell.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") {
        painting = !week[day]![hour];
        paint(day, hour, painting);
      }
    });
    cell.addEventListener("click", (event) => {
      if ((event as PointerEvent).pointerType !== "mouse") {
        paint(day, hour, !week[day]![hour]);
      }
    });
    cell.addEventListener("pointerenter", () => {
      if (painting !== null) {
        paint(day, hour, painting);
      }
    });
    cell.addEventListener("keydown", (event) => {
      const steps: Record<string, [number, number]> = {
        ArrowUp: [0, -1],
        ArrowDown: [0, 1],
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
      };
      const step = steps[event.key];
      if (step) {
        event.preventDefault();
        focus(day + step[0], hour + step[1]);
      }
    });
    return cell;
  };
  const element = h("div", { class: "week", role: "group", "aria-label": t("schedule.title") });
  DAYS.forEach((_, day) => {
    cells.push(Array.from({ length: HOURS }, (__, hour) => makeCell(day, hour)));
  });
  element.append(
    h("span", {}),
    ...names.map((name) => h("span", { class: "day" }, name)),
  );
  for (let hour = 0; hour < HOURS; hour++) {
    element.append(h("span", { class: "tick" }, hourText(hour)), ...cells.map((row) => row[hour]!));
  }
  const stop = (): void => {
    painting = null;
  };
  element.addEventListener("pointerup", stop);
  element.addEventListener("pointerleave", stop);
  show();
  return {
    element,
    set(next) {
      week = next;
      show();
    },
  };
}

export function scheduleField(
  app: App,
  schedule: Schedule | null,
  change: (schedule: Schedule | null) => void,
): HTMLElement {
  const { t } = app;
  const tz = schedule?.tz ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const week = schedule ? weekOf(schedule) : emptyWeek(true);
  const place = h("div", {});
  const grid = weekGrid(app, week ?? emptyWeek(true), (next) =>
    change({ tz, weekly: rowsOf(next) }),
  );
  const box = h("input", { type: "checkbox", checked: schedule !== null });
  const render = (): void => {
    place.hidden = !box.checked;
  };
  box.addEventListener("change", () => {
    render();
    if (box.checked) {
      const next = emptyWeek();
      next.forEach((row, day) => row.fill(day < 5, 6, 20));
      grid.set(next);
      change({ tz, weekly: rowsOf(next) });
    } else {
      change(null);
    }
  });
  place.append(
    h("p", { class: "hint" }, t("schedule.hint", { tz })),
    week === null ? h("p", { class: "hint" }, t("schedule.minutes")) : "",
    grid.element,
  );
  render();
  return h(
    "fieldset",
    {},
    h("legend", {}, t("schedule.title")),
    h("label", { class: "toggle" }, box, h("span", {}, t("schedule.on"))),
    place,
  );
}
