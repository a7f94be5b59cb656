// src/views/entry.ts - before one is in: the first password, or signing in.
import { ApiError } from "../api.ts";
import type { App } from "../app.ts";
import { explain } from "../app.ts";
import { field, h, onSubmit } from "../dom.ts";
import { hasEnded, noteBegin } from "../session.ts";
import type { Me } from "../types.ts";

const PASSWORD_LENGTH_MIN = 8;
export const FARM_NAME_LENGTH_MAX = 60;

interface Entry {
  title: string;
  text: string;
  button: string;
  repeats: boolean;
  submit(user: string, password: string, farm: string): Promise<Me>;
}

function entryOf(app: App, code: string): Entry {
  const { t, api } = app;
  const login = (user: string, password: string): Promise<Me> =>
    api.post<Me>("/v1/login", { user, password });
  if (app.store.state.phase !== "setup") {
    return {
      title: t("login.title"),
      text: hasEnded() ? t("login.ended") : "",
      button: t("login.title"),
      repeats: false,
      submit: login,
    };
  }
  return {
    title: t("setup.title"),
    text: t("setup.text"),
    button: t("setup.button"),
    repeats: true,
    async submit(user, password, farm) {
      const body = { user, password, ...(code === "" ? {} : { code }) };
      await api.post("/v1/setup", body);
      const me = await login(user, password);
      if (farm !== "") {
        // The name can be given later; one is in all the same.
        await api.put("/v1/farm", { name: farm }).catch(() => {});
      }
      return me;
    },
  };
}

export function showEntry(app: App, code: string): void {
  const { t } = app;
  const entry = entryOf(app, code);
  const user = h("input", {
    name: "user",
    autocomplete: "username",
    required: true,
    value: entry.repeats ? "owner" : "",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const password = h("input", {
    type: "password",
    name: "password",
    required: true,
    autocomplete: entry.repeats ? "new-password" : "current-password",
    ...(entry.repeats ? { minlength: PASSWORD_LENGTH_MIN } : {}),
  });
  const again = h("input", {
    type: "password",
    name: "again",
    autocomplete: "new-password",
    required: entry.repeats,
  });
  const farm = h("input", { name: "farm", maxlength: FARM_NAME_LENGTH_MAX, autocomplete: "off" });
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary wide" }, entry.button);
  const form = h(
    "form",
    { class: "entry card" },
    h("img", { src: "/icon.svg", alt: "", width: 56, height: 56 }),
    h("h1", {}, entry.title),
    entry.text !== "" && h("p", {}, entry.text),
    field(t("login.user"), user),
    field(t("login.password"), password, entry.repeats ? t("setup.hint") : undefined),
    entry.repeats && field(t("setup.again"), again),
    entry.repeats && field(t("farm.name"), farm, t("farm.name_hint")),
    error,
    button,
  );
  onSubmit(form, () => {
    if (entry.repeats && again.value !== password.value) {
      error.textContent = t("setup.differ");
      again.focus();
      return;
    }
    button.disabled = true;
    error.textContent = "";
    entry
      .submit(user.value.trim(), password.value, farm.value.trim())
      .then((me) => {
        noteBegin();
        app.store.set({ me, phase: "in" });
      })
      .catch((reason: unknown) => {
        const isWrong = reason instanceof ApiError && reason.code === "auth.wrong";
        error.textContent = isWrong ? t("login.wrong") : explain(app, reason);
        button.disabled = false;
      });
  });
  document.body.replaceChildren(h("main", { class: "entry-page" }, form));
  (entry.repeats ? password : user).focus();
}
