// src/views/alerts.ts - the inbox: what somebody must look at, and what else has happened.
import type { App } from "../app.ts";
import { attempt, deviceName, mayEdit } from "../app.ts";
import { h, syncList } from "../dom.ts";
import { PAST_ROWS_MAX, loadOlder, mayGoOn, rowsOf } from "../past.ts";
import type { Row, Which } from "../past.ts";
import { recall, remember } from "../remembered.ts";
import { withAck } from "../state.ts";
import type { Acked, Alert, HrEvent, Severity } from "../types.ts";
import { eventText, severitySign } from "../words.ts";
import { more } from "./more.ts";
import type { Parts } from "./shell.ts";

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
  app.store.set(withAck(app.store.state, alert.alert, answer.acked));
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

function row(app: App, alert: Row): HTMLElement {
  const { t, format } = app;
  const { event, acked, isKnown } = alert;
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
      isKnown && !acked && event.severity !== "info" && !event.late && mayEdit(app) &&
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

/** Whether an animal's id or name, or a fence's name holds the text. */
function holds(app: App, { event }: Alert, text: string): boolean {
  return `${event.device} ${deviceName(app, event.device)} ${event.fence_name ?? ""}`
    .toLocaleLowerCase()
    .includes(text);
}

export function alertsView({ app }: Parts): HTMLElement {
  const { t, store, format } = app;
  let which: Which = "open";
  const list = h("ul", { class: "items alerts" });
  const empty = h("p", { class: "hint" });
  const end = h("p", { class: "hint", role: "status" });
  const wanted = (): string => search.value.trim().toLocaleLowerCase();
  const next = more(app, ROWS_STEP, () => render(), {
    isThere: () => mayGoOn(store.state, which, severities.value),
    load: (count) => {
      const text = wanted();
      const isFound = text === "" ? null : (row: Alert): boolean => holds(app, row, text);
      return loadOlder(app, which, severities.value, count, isFound);
    },
  });
  /** What was loaded for another list is not held any longer. */
  const change = (): void => {
    store.set({ past: null });
    render();
  };
  /** How far back one has looked, where the rows do not tell. */
  const renderEnd = (text: string): void => {
    const { past } = store.state;
    const last = past?.rows.at(-1);
    const isOfAlerts = which === "open" || which === "all";
    end.hidden = !past || !last;
    end.textContent = !past || !last
      ? ""
      : past.rows.length >= PAST_ROWS_MAX
        ? t("alerts.narrow")
        : past.next !== null
          ? text && t("alerts.back_to", { time: format.moment(last.event.time) })
          : t(isOfAlerts ? "alerts.end" : "alerts.end_events");
  };
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
    change();
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
          change();
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
    const text = wanted();
    const found = rowsOf(store.state, which, severities.value);
    const rows = next.cut(text === "" ? found : found.filter((row) => holds(app, row, text)));
    renderEnd(text);
    const isCalm = which === "open" && text === "" && severities.value === "";
    empty.hidden = rows.length > 0;
    empty.textContent = t(
      !store.state.areEventsKnown ? "loading" : isCalm ? "alerts.none_open" : "alerts.none",
    );
    open = which === "open" ? rows : [];
    ackAll.hidden = open.length < 2 || !mayEdit(app);
    ackAll.textContent = t("alerts.ack_all", { n: open.length });
    const stamp = ({ acked, event, isKnown }: Row): string =>
      `${acked?.user ?? ""} ${isKnown} ${deviceName(app, event.device)} ${mayEdit(app)}`;
    syncList(list, rows, (alert) => String(alert.alert), stamp, (alert) => row(app, alert));
  };
  store.on(["tab", "alerts", "events", "areEventsKnown", "past", "devices"], render);
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
    end,
    next.button,
  );
}

