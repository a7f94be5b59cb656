// src/views/settings_dialog.ts - language, units, light or dark, sound; and the way out.
import type { App } from "../app.ts";
import { allowNotes } from "../announce.ts";
import { attempt, changeSettings } from "../app.ts";
import { field, h, toggle } from "../dom.ts";
import { signOut } from "../session.ts";
import type { Language, Settings } from "../settings.ts";

const LANGUAGE_NAMES: readonly [Language, string][] = [
  ["en", "English"],
  ["sv", "Svenska"],
  ["de", "Deutsch"],
];

function choice<V extends string>(
  options: readonly (readonly [V, string])[],
  chosen: V,
  change: (value: V) => void,
): HTMLSelectElement {
  const select = h(
    "select",
    {},
    ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  select.addEventListener("change", () => change(select.value as V));
  return select;
}

export function settingsDialog(app: App): HTMLDialogElement {
  const { t, store } = app;
  const settings = store.state.settings;
  const set = (patch: Partial<Settings>): void => changeSettings(app, patch);
  const dialog = h("dialog", { class: "card", "aria-label": t("settings.title") });
  const refused = h("p", { class: "hint", role: "alert", hidden: true }, t("settings.refused"));
  const notify = toggle(t("settings.notify"), settings.notify, (isOn) => {
    void (isOn ? allowNotes() : Promise.resolve(false)).then((isAllowed) => {
      set({ notify: isAllowed });
      refused.hidden = isAllowed || !isOn;
      notify.querySelector("input")!.checked = isAllowed;
    });
  });
  // Told before anybody tries: over plain HTTP a browser has no notifications at all.
  const isSafe = window.isSecureContext && "Notification" in window;
  notify.querySelector("input")!.disabled = !isSafe;
  dialog.append(
    h("h2", {}, t("settings.title")),
    h("p", {}, t("settings.signed_in", {
      user: store.state.me?.user ?? "",
      role: t(`role.${store.state.me?.role ?? "viewer"}`),
    })),
    field(
      t("settings.language"),
      choice(LANGUAGE_NAMES, settings.language, (language) => set({ language })),
    ),
    field(
      t("settings.units"),
      choice(
        [
          ["metric", t("settings.metric")],
          ["imperial", t("settings.imperial")],
        ],
        settings.units,
        (units) => set({ units }),
      ),
    ),
    field(
      t("settings.theme"),
      choice(
        [
          ["auto", t("settings.auto")],
          ["light", t("settings.light")],
          ["dark", t("settings.dark")],
        ],
        settings.theme,
        (theme) => set({ theme }),
      ),
    ),
    toggle(t("settings.sound"), settings.sound, (sound) => set({ sound })),
    notify,
    refused,
    h("p", { class: "hint unsafe", hidden: isSafe }, t("settings.unsafe")),
    h(
      "div",
      { class: "row" },
      h(
        "button",
        {
          onclick: () => void attempt(app, () => signOut(app)),
        },
        t("settings.sign_out"),
      ),
      h("button", { class: "primary", onclick: () => dialog.close() }, t("close")),
    ),
  );
  return dialog;
}
