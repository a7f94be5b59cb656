// src/words.ts - what happened, as a sentence; signs that say what colours say.
import type { App } from "./app.ts";
import { deviceName, fenceName } from "./app.ts";
import { LEVEL_ALARM, LEVEL_WARNING } from "./herd.ts";
import type { HrEvent, Severity } from "./types.ts";

export function eventText(app: App, event: HrEvent): string {
  return app.t(`event.${event.kind}`, {
    animal: deviceName(app, event.device),
    fence: event.fence_name ?? fenceName(app, event.fence),
  });
}

export function severitySign(severity: Severity): string {
  return { alarm: "◆", warning: "▲", info: "●" }[severity];
}

/** By how urgent an animal is to look at; those that are well have no word. */
export const LEVEL_SIGNS: readonly string[] = ["●", "▲", "◆"];

export function levelWord({ t }: App, level: number): string {
  return level === LEVEL_ALARM
    ? t("severity.alarm")
    : level === LEVEL_WARNING
      ? t("severity.warning")
      : "";
}
