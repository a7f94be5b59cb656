// src/views/users.ts - who may use the page: people come and go, get another role, or a new
// password when they have forgotten theirs.
import type { App } from "../app.ts";
import { attempt, tell } from "../app.ts";
import { field, fill, folded, h, onSubmit } from "../dom.ts";
import { newest } from "../newest.ts";
import type { Role } from "../types.ts";
import { whenShown } from "./shown.ts";

const ROLES: readonly Role[] = ["viewer", "editor", "owner"];

interface User {
  user: string;
  role: Role;
}

export function roleSelect(app: App): HTMLSelectElement {
  const options = ROLES.map((role) => h("option", { value: role }, app.t(`role.${role}`)));
  return h("select", {}, ...options);
}

function pathOf(user: string): string {
  return `/v1/users/${encodeURIComponent(user)}`;
}

function rolePart(app: App, { user, role }: User, reload: () => Promise<void>): HTMLElement {
  const { t } = app;
  const select = roleSelect(app);
  select.setAttribute("aria-label", t("users.role_of", { user }));
  select.value = role;
  select.addEventListener("change", () => {
    const wanted = select.value as Role;
    void attempt(app, async () => {
      await app.api.request("PATCH", pathOf(user), { role: wanted });
      tell(app, t("users.role_set", { user, role: t(`role.${wanted}`) }), "good");
    }).then(() => reload().catch(() => {}));
  });
  return select;
}

/** A new password for somebody else; whoever is signed in with the old one is signed out. */
function passwordPart(app: App, user: string): HTMLElement {
  const { t } = app;
  const fresh = h("input", { type: "password", required: true, autocomplete: "new-password" });
  // So that a password keeper knows whose password it is that it offers to keep.
  const whose = h("input", { type: "hidden", autocomplete: "username", value: user });
  const form = h(
    "form",
    {},
    whose,
    field(t("password.new"), fresh, t("setup.hint")),
    h("p", { class: "hint" }, t("users.password_hint", { user })),
    h("button", { class: "primary" }, t("save")),
  );
  const summary = h(
    "summary",
    { "aria-label": t("users.password_of", { user }) },
    t("password.new"),
  );
  const part = h("details", { class: "reset" }, summary, form);
  onSubmit(form, () => {
    void attempt(app, async () => {
      await app.api.request("PATCH", pathOf(user), { password: fresh.value });
      form.reset();
      part.open = false;
      summary.focus();
      tell(app, t("users.password_set", { user }), "good");
    });
  });
  return part;
}

function userRow(app: App, each: User, reload: () => Promise<void>): HTMLElement {
  const { t } = app;
  const { user, role } = each;
  if (user === app.store.state.me?.user) {
    const own = h("small", {}, t(`role.${role}`));
    return h("li", {}, h("span", { class: "text" }, h("strong", {}, user), own));
  }
  const remove = (): void => {
    if (confirm(t("users.remove_sure", { user }))) {
      void attempt(app, async () => {
        await app.api.remove(pathOf(user));
        await reload();
      });
    }
  };
  return h(
    "li",
    {},
    h("span", { class: "text" }, h("strong", {}, user)),
    rolePart(app, each, reload),
    h("button", { "aria-label": t("users.remove_named", { user }), onclick: remove }, t("remove")),
    passwordPart(app, user),
  );
}

export function usersPart(app: App): HTMLElement {
  const { t } = app;
  const list = h("ul", { class: "items users" });
  const load: () => Promise<void> = newest(
    () => app.api.get<{ users: User[] }>("/v1/users"),
    ({ users }) => fill(list, ...users.map((each) => userRow(app, each, load))),
  );
  const name = h("input", { required: true, autocapitalize: "none", autocomplete: "off" });
  const password = h("input", { type: "password", required: true, autocomplete: "new-password" });
  const role = roleSelect(app);
  const form = h(
    "form",
    {},
    field(t("login.user"), name),
    field(t("login.password"), password, t("setup.hint")),
    field(t("users.role"), role),
    h("button", { class: "primary" }, t("add")),
  );
  onSubmit(form, () => {
    const body = { user: name.value.trim(), password: password.value, role: role.value };
    void attempt(app, async () => {
      await app.api.post("/v1/users", body);
      form.reset();
      await load();
    });
  });
  const add = folded(t("users.add"), form);
  whenShown(app, "system", load);
  return h("section", {}, h("h2", {}, t("users.title")), list, add);
}
