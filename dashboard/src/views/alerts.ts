// src/views/alerts.ts - the inbox: what somebody must look at, and what else has happened.
import type { App } from "../app.ts";
import { attempt, deviceName, mayEdit } from "../app.ts";
import { h, syncList } from "../dom.ts";
import { recall, remember } from "../remembered.ts";
import { withAck } from "../state.ts";
import type { Acked, Alert, HrEvent, Severity } from "../types.ts";
import { eventText, severitySign } from "../words.ts";
import { more } from "./more.ts";
import type { Parts } from "./shell.ts";

type Which = "open" | "all" | "late" | "events";
const WHICH: readonly Which[] = ["open", "all", "late", "events"];
const ROWS_STEP = 100;
const SEVERITIES: readonly Severity[] = ["alarm", "warning", "info"];

function placeOf(event: HrEvent): { lon: number; lat: number } | null {
  if (event.crossing) {
    return event.crossing;
  }
  return event.lon === undefined || event.lat === undefined
    ? null
    : { lon: event.lon, lat: event.lat };
}

async function acknowledge(app: App, alert: Alert): Promise<void> {
  const answer = await app.api.post<{ acked: Acked }>(`/v1/alerts/${alert.alert}/ack`, {});
  const { alerts } = app.store.state;
  app.store.set({ alerts: withAck(alerts, alert.alert, answer.acked) });
}

/** Everything that is shown, one after the other; what fails ends it, and says so. */
async function acknowledgeAll(app: App, alerts: readonly Alert[]): Promise<void> {
  if (confirm(app.t("alerts.ack_all_sure", { n: alerts.length }))) {
    for (const alert of alerts) {
      await acknowledge(app, alert);
    }
  }
}

function show(app: App, event: HrEvent): void {
  const place = placeOf(event);
  app.store.set({ tab: "map", selection: { kind: "animal", id: event.device } });
  if (place) {
    app.map.showPlace([place.lon, place.lat]);
  }
}

function row(app: App, alert: Alert): HTMLElement {
  const { t, format } = app;
  const { event, acked } = alert;
  const place = placeOf(event);
  return h(
    "li",
    { class: `alert ${event.severity}`, "data-alert": alert.alert },
    h(
      "span",
      {
        class: `sign ${event.severity}`,
        role: "img",
        "aria-label": t(`severity.${event.severity}`),
      },
      severitySign(event.severity),
    ),
    h(
      "span",
      { class: "text" },
      h("strong", {}, eventText(app, event)),
      h(
        "small",
        {},
        h("time", { datetime: event.time }, format.moment(event.time)),
        event.late && ` · ${t("alerts.late_word")}`,
        place && ` · ${format.position(place.lon, place.lat)}`,
      ),
      acked &&
        h("small", { class: "acked" }, `✓ ${t("alerts.acked", {
          who: acked.user,
          time: format.moment(acked.time),
        })}`),
    ),
    h(
      "span",
      { class: "row" },
      h("button", { onclick: () => show(app, event) }, t("show_on_map")),
      !acked && event.severity !== "info" && !event.late && mayEdit(app) &&
        h(
          "button",
          {
            class: "primary",
            "data-ack": alert.alert,
            onclick: () => void attempt(app, () => acknowledge(app, alert)),
          },
          t("alerts.ack"),
        ),
    ),
  );
}

interface Filter {
  which: Which;
  severity: string;
  text: string;
}

function chosen(app: App, { which, severity, text }: Filter): Alert[] {
  const { alerts, events } = app.store.state;
  const ackedOf = new Map(alerts.map((alert) => [alert.alert, alert.acked]));
  const ofEvents = (wanted: (event: HrEvent) => boolean): Alert[] =>
    events.filter(wanted).map((event) => ({
      alert: event.offset,
      event,
      acked: ackedOf.get(event.offset) ?? null,
    }));
  const all =
    which === "open"
      ? alerts.filter((alert) => !alert.acked)
      : which === "all"
        ? [...alerts]
        : ofEvents((event) => which === "events" || event.late);
  const isFound = (event: HrEvent): boolean =>
    text === "" ||
    `${event.device} ${deviceName(app, event.device)} ${event.fence_name ?? ""}`
      .toLocaleLowerCase()
      .includes(text);
  return all.filter(
    ({ event }) => (severity === "" || event.severity === severity) && isFound(event),
  );
}

export function alertsView({ app }: Parts): HTMLElement {
  const { t, store } = app;
  let which: Which = "open";
  const list = h("ul", { class: "items alerts" });
  const empty = h("p", { class: "hint" });
  const next = more(app, ROWS_STEP, () => render());
  const search = h("input", {
    type: "search",
    placeholder: t("search.alerts"),
    "aria-label": t("search.alerts"),
  });
  search.addEventListener("input", () => render());
  const severities = h(
    "select",
    { "aria-label": t("alerts.severity") },
    h("option", { value: "" }, t("alerts.any_severity")),
    ...SEVERITIES.map((name) =>
      h("option", { value: name }, `${severitySign(name)} ${t(`severity.${name}`)}`),
    ),
  );
  severities.addEventListener("change", () => {
    remember(app.live.epoch, { severity: severities.value });
    render();
  });
  let knownEpoch: string | null = null;
  let open: readonly Alert[] = [];
  const ackAll = h("button", {
    class: "ack-all",
    onclick: () => void attempt(app, () => acknowledgeAll(app, open)),
  });
  const buttons = WHICH.map((name) =>
    h(
      "button",
      {
        "data-which": name,
        "aria-pressed": String(name === which),
        onclick: () => {
          which = name;
          buttons.forEach((button) =>
            button.setAttribute("aria-pressed", String(button.dataset["which"] === which)),
          );
          render();
        },
      },
      t(`alerts.${name}_tab`),
    ),
  );
  const render = (): void => {
    if (store.state.tab !== "alerts") {
      return;
    }
    if (app.live.epoch !== knownEpoch) {
      knownEpoch = app.live.epoch;
      severities.value = recall(knownEpoch).severity;
    }
    const text = search.value.trim().toLocaleLowerCase();
    const rows = next.cut(chosen(app, { which, severity: severities.value, text }));
    const isCalm = which === "open" && text === "" && severities.value === "";
    empty.hidden = rows.length > 0;
    empty.textContent = t(isCalm ? "alerts.none_open" : "alerts.none");
    open = which === "open" ? rows : [];
    ackAll.hidden = open.length < 2 || !mayEdit(app);
    ackAll.textContent = t("alerts.ack_all", { n: open.length });
    const stamp = (alert: Alert): string =>
      `${alert.acked?.user ?? ""} ${deviceName(app, alert.event.device)} ${mayEdit(app)}`;
    syncList(list, rows, (alert) => String(alert.alert), stamp, (alert) => row(app, alert));
  };
  store.on(["tab", "alerts", "events", "devices"], render);
  render();
  return h(
    "div",
    { class: "view" },
    h("h2", {}, t("tab.alerts")),
    h("div", { class: "segments", role: "group", "aria-label": t("alerts.filter") }, ...buttons),
    h("div", { class: "search" }, search, severities),
    mayEdit(app) && ackAll,
    empty,
    list,
    next.button,
  );
}

