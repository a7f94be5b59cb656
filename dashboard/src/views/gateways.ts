// src/views/gateways.ts - who may send positions to the broker or read events from it; a new one
// gets its password once, as text and as a QR code.
import { ApiError } from "../api.ts";
import type { App } from "../app.ts";
import { attempt } from "../app.ts";
import { field, fill, folded, h, onSubmit, syncList, terms } from "../dom.ts";
import { newest } from "../newest.ts";
import { qrCode } from "../qr.ts";
import { whenShown } from "./shown.ts";

const MODULE_PX = 6;
const QUIET_MODULES = 4;

interface Gateway {
  user: string;
  role: "gateway" | "reader";
  /** Any message of it; absent: never heard of. */
  last_seen?: string;
  /** Positions missing in what it has sent. */
  lost?: number;
  /** What follows it tells of itself; phones and foreign devices do not. */
  online?: boolean;
  state?: "online" | "offline" | "stopped";
  waiting?: number;
  oldest_waiting?: string;
  dropped?: number;
  refused?: number;
  version?: string;
}

const REFRESH_MS = 5000;

type Health = "ok" | "warning" | "unknown";
const SIGNS: Record<Health, string> = { ok: "●", warning: "▲", unknown: "○" };

/** Whether somebody should look at it, and what it says of itself, in plain words. */
function stateOf(app: App, gateway: Gateway): { health: Health; words: string[] } {
  const { t, format } = app;
  const { online, state, waiting, lost, dropped, refused } = gateway;
  const words: string[] = [t(`gateways.${gateway.role}`)];
  if (online !== undefined) {
    words.push(t(online ? "gateways.online" : state === "stopped" ? "gateways.stopped"
      : "gateways.offline"));
  }
  if (gateway.last_seen) {
    const age = format.age(app.clock.now() - Date.parse(gateway.last_seen));
    words.push(t("gateways.seen", { age }));
  } else if (gateway.role === "gateway") {
    words.push(t("gateways.never"));
  }
  if (waiting !== undefined) {
    const age = gateway.oldest_waiting
      ? format.age(app.clock.now() - Date.parse(gateway.oldest_waiting))
      : "";
    words.push(
      waiting > 0 && age !== ""
        ? t("gateways.waiting_since", { n: format.number(waiting), age })
        : t("gateways.waiting", { n: format.number(waiting) }),
    );
  }
  const losses = (lost ?? 0) + (dropped ?? 0);
  if (losses > 0) {
    words.push(t("gateways.lost", { n: format.number(losses) }));
  }
  if ((refused ?? 0) > 0) {
    words.push(t("gateways.refused", { n: format.number(refused ?? 0) }));
  }
  const isWorrying = online === false || losses > 0;
  const isKnown = online === true || gateway.last_seen !== undefined;
  return { health: isWorrying ? "warning" : isKnown ? "ok" : "unknown", words };
}

interface NewGateway extends Gateway {
  password: string;
  host: string;
  port: number;
  tls: boolean;
}

/** Where to connect and as whom, in one line. */
export function addressOf({ user, password, host, port, tls }: NewGateway): string {
  const name = host.includes(":") ? `[${host}]` : host;
  const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return `${tls ? "mqtts" : "mqtt"}://${who}@${name}:${port}`;
}

function qrPicture(label: string, text: string): HTMLElement | null {
  const code = qrCode(text);
  if (!code) {
    return null;
  }
  const size = (code.length + 2 * QUIET_MODULES) * MODULE_PX;
  const canvas = h("canvas", { width: size, height: size, role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  if (context) {
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, size, size);
    context.fillStyle = "#000000";
    code.forEach((row, y) =>
      row.forEach((isDark, x) => {
        if (isDark) {
          const [px, py] = [(x + QUIET_MODULES) * MODULE_PX, (y + QUIET_MODULES) * MODULE_PX];
          context.fillRect(px, py, MODULE_PX, MODULE_PX);
        }
      }),
    );
  }
  return canvas;
}

function newcomer(app: App, made: NewGateway): HTMLElement {
  const { t } = app;
  const rows: [string, string][] = [
    [t("name"), made.user],
    [t("login.password"), made.password],
    [t("gateways.host"), `${made.host}:${made.port}${made.tls ? " (TLS)" : ""}`],
  ];
  return h(
    "div",
    { class: "card", "data-gateway-made": made.user },
    h("p", {}, t("gateways.once")),
    h("dl", {}, ...terms(rows)),
    qrPicture(t("gateways.qr"), addressOf(made)),
  );
}

export function gatewaysPart(app: App): HTMLElement {
  const { t } = app;
  const list = h("ul", { class: "items" });
  const fresh = h("div", { role: "status" });
  const foreign = h("p", { class: "hint", hidden: true }, t("gateways.foreign"));
  const load = async (): Promise<void> => {
    if (foreign.hidden) {
      await ask().catch((reason: unknown) => {
        if (!(reason instanceof ApiError) || reason.code !== "gateway.foreign") {
          throw reason;
        }
        foreign.hidden = false;
        add.hidden = true;
      });
    }
  };
  const ask = newest(
    () => app.api.get<{ gateways: Gateway[] }>("/v1/gateways"),
    ({ gateways }) =>
      syncList(list, gateways, ({ user }) => user, (gateway) => stamp(gateway), row),
  );
  const remove = (name: string): void => {
    if (confirm(t("gateways.remove_sure", { name }))) {
      void attempt(app, async () => {
        await app.api.remove(`/v1/gateways/${encodeURIComponent(name)}`);
        fresh.replaceChildren();
        await load();
      });
    }
  };
  const stamp = (gateway: Gateway): string => stateOf(app, gateway).words.join();
  const row = (gateway: Gateway): HTMLElement => {
    const { user } = gateway;
    const { health, words } = stateOf(app, gateway);
    return h(
      "li",
      { "data-gateway": user, "data-health": health },
      h("span", { class: `sign ${health}`, "aria-hidden": "true" }, SIGNS[health]),
      h(
        "span",
        { class: "text" },
        h("strong", {}, user),
        h("small", {}, words.join(" · ")),
      ),
      h(
        "button",
        {
          "aria-label": t("gateways.remove_named", { name: user }),
          onclick: () => remove(user),
        },
        t("remove"),
      ),
    );
  };
  const name = h("input", { required: true, autocapitalize: "none", autocomplete: "off" });
  const role = h(
    "select",
    {},
    h("option", { value: "gateway" }, t("gateways.gateway")),
    h("option", { value: "reader" }, t("gateways.reader")),
  );
  const form = h(
    "form",
    {},
    field(t("name"), name),
    field(t("gateways.what"), role),
    h("button", { class: "primary" }, t("add")),
  );
  onSubmit(form, () => {
    void attempt(app, async () => {
      const body = { name: name.value.trim(), role: role.value };
      const made = await app.api.post<NewGateway>("/v1/gateways", body);
      fill(fresh, newcomer(app, made));
      form.reset();
      await load();
    });
  });
  const add = folded(t("steps.gateway"), form);
  whenShown(app, "system", load);
  setInterval(() => {
    if (app.store.state.tab === "system" && app.store.state.link === "live") {
      void load().catch(() => {});
    }
  }, REFRESH_MS);
  return h(
    "section",
    {},
    h("h2", {}, t("gateways.title")),
    foreign,
    list,
    fresh,
    add,
  );
}
