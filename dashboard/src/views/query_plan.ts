// src/views/query_plan.ts - how a standing query is answered, and how far it has come.
import type { App } from "../app.ts";
import { attempt } from "../app.ts";
import { fill, folded, h, terms } from "../dom.ts";

interface Progress {
  last?: {
    rows_in: number;
    rows_passed: number;
    rows_late: number;
    rows_out: number;
    groups: number;
    state_bytes: number;
    watermark?: string | null;
  };
  recent?: { rows_per_s?: number }[];
}

export interface PlanPart {
  element: HTMLDetailsElement;
  choose(path: string): void;
}

export function queryPlan(app: App): PlanPart {
  const { t, format } = app;
  const plan = h("pre", { tabindex: 0, "aria-label": t("windows.explain") });
  const list = h("dl", { class: "progress" });
  const element = folded(t("windows.explain"), list, plan);
  let path = "";
  const show = ({ last, recent }: Progress): void => {
    const rows: [string, string][] = [];
    const put = (name: string, value: number | undefined, digits = 0): void => {
      if (value !== undefined) {
        rows.push([name, format.number(value, digits)]);
      }
    };
    put(t("progress.in"), last?.rows_in);
    put(t("progress.passed"), last?.rows_passed);
    put(t("progress.rate"), recent?.[0]?.rows_per_s, 1);
    put(t("progress.late"), last?.rows_late);
    put(t("progress.groups"), last?.groups);
    put(t("progress.state"), last && last.state_bytes / 1000, 1);
    if (last?.watermark) {
      rows.push([t("progress.watermark"), format.moment(last.watermark)]);
    }
    fill(list, ...terms(rows));
  };
  const load = async (): Promise<void> => {
    const asked = path;
    const [answer, progress] = await Promise.all([
      app.api.get<{ plan: string }>(`${asked}/explain`),
      app.api.get<Progress>(`${asked}/progress`),
    ]);
    if (asked === path) {
      plan.textContent = answer.plan;
      show(progress);
    }
  };
  element.addEventListener("toggle", () => {
    if (element.open && path !== "") {
      void attempt(app, load);
    }
  });
  return {
    element,
    choose(next) {
      path = next;
      element.open = false;
    },
  };
}
