// src/views/query_form.ts - a standing query of one's own: what to read, what to count, over what
// time; made with examples, so that nobody begins with an empty page.
import type { App } from "../app.ts";
import { attempt, explain } from "../app.ts";
import { field, h, onSubmit } from "../dom.ts";
import type { Key } from "../i18n.ts";
import { selectOf } from "../windows.ts";

type WindowType = "running" | "tumbling" | "hopping" | "session";
const TYPES: readonly WindowType[] = ["running", "tumbling", "hopping", "session"];

interface Example {
  key: Key;
  from: "events" | "positions";
  where: string;
  group: string;
  type: WindowType;
  size: string;
  every: string;
  select: string;
}

const EXAMPLES: readonly Example[] = [
  {
    key: "example.visits",
    from: "events",
    where: "kind = 'enter'",
    group: "fence",
    type: "tumbling",
    size: "1h",
    every: "",
    select: "visits = count()\nanimals = distinct(device)",
  },
  {
    key: "example.speed",
    from: "positions",
    where: "speed_mps is not null",
    group: "",
    type: "tumbling",
    size: "1m",
    every: "",
    select: "half = quantile(speed_mps, 0.5)\nmost = quantile(speed_mps, 0.95)",
  },
  {
    key: "example.roamers",
    from: "events",
    where: "kind in ('exit','cross')",
    group: "",
    type: "hopping",
    size: "1h",
    every: "5m",
    select: "roamers = topk(device, 5)",
  },
];

const EMPTY: Omit<Example, "key"> = {
  from: "events",
  where: "",
  group: "fence",
  type: "running",
  size: "",
  every: "",
  select: "crossings = count()",
};

export function queryForm(app: App, made: (name: string) => Promise<void>): HTMLElement {
  const { t } = app;
  const option = (value: string, text: string): HTMLElement => h("option", { value }, text);
  const name = h("input", { required: true, maxlength: 64, name: "query-name" });
  const from = h(
    "select",
    {},
    option("events", t("windows.events")),
    option("positions", t("windows.positions")),
  );
  const where = h("input", { placeholder: "kind = 'enter'", spellcheck: "false" });
  const join = h(
    "select",
    {},
    option("", t("windows.join_none")),
    option("device", t("windows.join_device")),
    option("fence", t("windows.join_fence")),
  );
  const group = h("input", { spellcheck: "false" });
  const type = h("select", {}, ...TYPES.map((value) => option(value, t(`window.${value}`))));
  const size = h("input", { placeholder: "10m" });
  const every = h("input", { placeholder: "1m" });
  const select = h("textarea", { rows: 3, required: true });
  const sizeField = field(t("windows.size"), size, t("windows.size_hint"));
  const everyField = field(t("windows.every"), every);
  const sizes = (): void => {
    sizeField.hidden = type.value === "running";
    everyField.hidden = type.value !== "hopping";
    size.required = !sizeField.hidden;
    every.required = !everyField.hidden;
  };
  const use = (example: Omit<Example, "key">): void => {
    from.value = example.from;
    join.value = "";
    where.value = example.where;
    group.value = example.group;
    type.value = example.type;
    size.value = example.size;
    every.value = example.every;
    select.value = example.select;
    sizes();
  };
  const windowOf = (): Record<string, string> => {
    const length = size.value.trim();
    switch (type.value as WindowType) {
      case "running":
        return { type: type.value };
      case "session":
        return { type: type.value, gap: length };
      case "hopping":
        return { type: type.value, size: length, every: every.value.trim() };
      case "tumbling":
        return { type: type.value, size: length };
    }
  };
  const error = h("p", { class: "error", role: "alert" });
  const form = h(
    "form",
    {},
    h("p", { class: "hint" }, t("windows.examples")),
    h(
      "div",
      { class: "row" },
      ...EXAMPLES.map((example) =>
        h(
          "button",
          {
            type: "button",
            onclick: () => {
              use(example);
              name.focus();
            },
          },
          t(example.key),
        ),
      ),
    ),
    field(t("name"), name, t("windows.name_hint")),
    field(t("windows.from"), from),
    field(t("windows.join"), join),
    field(t("windows.where"), where),
    field(t("windows.group"), group),
    field(t("windows.window"), type),
    sizeField,
    everyField,
    field(t("windows.select"), select, t("windows.select_hint")),
    error,
    h("button", { class: "primary" }, t("add")),
  );
  type.addEventListener("change", sizes);
  use(EMPTY);
  onSubmit(form, () => {
    error.textContent = "";
    const condition = where.value.trim();
    const definition = {
      name: name.value.trim(),
      from: from.value,
      ...(join.value === "" ? {} : { join: [join.value] }),
      ...(condition === "" ? {} : { where: condition }),
      group_by: group.value.split(",").map((part) => part.trim()).filter(Boolean),
      window: windowOf(),
      select: selectOf(select.value),
      output: "update",
    };
    void attempt(app, async () => {
      await app.api.post("/v1/queries", definition).catch((reason: unknown) => {
        // Beside the form it stays until the mistake is put right.
        error.textContent = explain(app, reason);
        throw reason;
      });
      await made(definition.name);
      name.value = "";
      use(EMPTY);
    });
  });
  return h("details", { class: "new-query" }, h("summary", {}, t("windows.new")), form);
}
