// src/views/system.ts - how the service is doing, and programs' tokens.
import type { App } from "../app.ts";
import { attempt, tell } from "../app.ts";
import { field, fill, folded, h, onSubmit } from "../dom.ts";
import { reasonsOf } from "../health.ts";
import { newest } from "../newest.ts";
import type { Role } from "../types.ts";
import { farmPart } from "./farm.ts";
import { gatewaysPart } from "./gateways.ts";
import { whenShown } from "./shown.ts";
import type { Parts } from "./shell.ts";
import { roleSelect, usersPart } from "./users.ts";
import { vitalsPart } from "./vitals.ts";

const TOKEN_DAYS: readonly number[] = [30, 365];
const DAY_MS = 86_400_000;

interface Token {
  id: number;
  name: string;
  user: string;
  role: Role;
  expires_at: string | null;
}

function healthPart(app: App): HTMLElement {
  const { t, store, format } = app;
  const state = h("p", { role: "status", class: "health" });
  const reasons = h("ul", { class: "reasons" });
  const about = h("p", { class: "hint" });
  const render = (): void => {
    // What was well when the connection was lost may be what has broken it.
    const { link, health: heard } = store.state;
    const health = link === "live" ? heard : null;
    state.textContent = !health
      ? t(heard ? "health.away" : "health.unknown")
      : health.status === "ok"
        ? `✓ ${t("health.ok")}`
        : `▲ ${t("health.degraded")}`;
    state.dataset["health"] = health?.status ?? "";
    fill(
      reasons,
      ...reasonsOf(health?.items ?? [], t, format.age).map(({ text, original }) =>
        h(
          "li",
          {},
          h("strong", {}, text),
          original !== "" && h("small", {}, t("health.says", { text: original })),
        ),
      ),
    );
    about.textContent =
      health?.uptime_s === undefined
        ? ""
        : t("health.about", {
            version: health.version ?? "",
            up: format.age(health.uptime_s * 1000),
          });
  };
  store.on(["health", "link"], render);
  render();
  return h("section", {}, h("h2", {}, t("health.title")), state, reasons, about);
}

function tokensPart(app: App): HTMLElement {
  const { t, format } = app;
  const list = h("ul", { class: "items" });
  const fresh = h("div", { role: "status" });
  const show = ({ tokens }: { tokens: Token[] }): void =>
    fill(
      list,
      ...tokens.map((token) => {
        const expiry = token.expires_at
          ? t("tokens.until", { time: format.moment(token.expires_at) })
          : t("tokens.forever");
        return h(
          "li",
          {},
          h(
            "span",
            { class: "text" },
            h("strong", {}, token.name),
            h("small", {}, `${token.user} · ${t(`role.${token.role}`)} · ${expiry}`),
          ),
          h(
            "button",
            {
              "aria-label": t("tokens.remove_named", { name: token.name }),
              onclick: () =>
                void attempt(app, async () => {
                  await app.api.remove(`/v1/tokens/${token.id}`);
                  await load();
                }),
            },
            t("remove"),
          ),
        );
      }),
    );
  const load = newest(() => app.api.get<{ tokens: Token[] }>("/v1/tokens"), show);
  const name = h("input", { required: true });
  const role = roleSelect(app);
  const span = h(
    "select",
    {},
    h("option", { value: "" }, t("tokens.forever")),
    ...TOKEN_DAYS.map((n) => h("option", { value: n }, t("tokens.days", { n }))),
  );
  const form = h(
    "form",
    {},
    field(t("tokens.name"), name),
    field(t("users.role"), role),
    field(t("tokens.ends"), span),
    h("button", { class: "primary" }, t("add")),
  );
  onSubmit(form, () => {
    void attempt(app, async () => {
      const endMs = app.clock.now() + Number(span.value) * DAY_MS;
      const expires_at = span.value === "" ? null : new Date(endMs).toISOString();
      const body = { name: name.value.trim(), role: role.value, expires_at };
      const { token } = await app.api.post<{ token: string }>("/v1/tokens", body);
      fill(fresh, h("p", {}, t("tokens.once")), h("code", { class: "secret" }, token));
      form.reset();
      await load();
    });
  });
  whenShown(app, "system", load);
  return h(
    "section",
    {},
    h("h2", {}, t("tokens.title")),
    list,
    fresh,
    folded(t("tokens.add"), form),
  );
}

/** The own password; all other sessions of this user end with the old one. */
function passwordPart(app: App): HTMLElement {
  const { t } = app;
  const old = h("input", { type: "password", required: true, autocomplete: "current-password" });
  const fresh = h("input", { type: "password", required: true, autocomplete: "new-password" });
  const form = h(
    "form",
    {},
    field(t("password.old"), old),
    field(t("password.new"), fresh),
    h("button", { class: "primary" }, t("save")),
  );
  onSubmit(form, () => {
    void attempt(app, async () => {
      const body = { old_password: old.value, password: fresh.value };
      await app.api.request("PATCH", "/v1/me", body);
      form.reset();
      tell(app, t("saved"), "good");
    });
  });
  return folded(t("password.title"), form);
}

export function systemView({ app }: Parts): HTMLElement {
  const isOwner = app.store.state.me?.role === "owner";
  return h(
    "div",
    { class: "view" },
    healthPart(app),
    vitalsPart(app),
    isOwner && gatewaysPart(app),
    isOwner && farmPart(app),
    isOwner && usersPart(app),
    tokensPart(app),
    passwordPart(app),
  );
}
