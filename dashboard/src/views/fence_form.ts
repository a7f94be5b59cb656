// src/views/fence_form.ts - the form beside a fence that is being drawn or changed.
import type { App } from "../app.ts";
import { attempt, tell } from "../app.ts";
import { field, fill, folded, h, onSubmit } from "../dom.ts";
import {
  changeDraft,
  changeProps,
  keepMine,
  mayDrop,
  pushShape,
  redoDraft,
  removeFence,
  saveDraft,
  takeTheirs,
  undoDraft,
} from "../draft.ts";
import type { Shape, Warning } from "../shape.ts";
import { area_m2, boundary_m, isHopeless, warningsOf } from "../shape.ts";
import type { Draft } from "../state.ts";
import type { Intent, Position } from "../types.ts";
import { cornersPart } from "./corners.ts";
import { scheduleField } from "./schedule.ts";
import type { Parts } from "./shell.ts";
import { canLocate } from "./tools.ts";
import { versionsPart } from "./versions.ts";

const INTENTS: readonly Intent[] = ["keep-in", "keep-out", "info"];
const WALK_STEP_M = 3;
const WALK_ACCURACY_M_MAX = 20;
const MINUTE_S = 60;

function measures(app: App, shape: Shape): string {
  const { t, format } = app;
  const line = shape.kind === "polygon" ? format.length(boundary_m(shape)) : "";
  const extra =
    shape.kind === "circle"
      ? `${t("form.radius")} ${format.length(shape.radius_m)}`
      : shape.kind === "corridor"
        ? format.length(boundary_m(shape) / 2)
        : `${t("form.boundary")} ${line}`;
  return `${format.area(area_m2(shape))} · ${extra}`;
}

function warningText(app: App, warning: Warning): string {
  const { t, format } = app;
  switch (warning.code) {
    case "crosses":
      return t("warning.crosses", { place: format.position(...warning.at) });
    case "short":
      return t("warning.short", { length: format.length(warning.length_m) });
    case "sharp":
      return t("warning.sharp", { n: format.number(warning.angle_deg) });
    case "outside":
      return t("warning.outside");
    case "few":
      return t("warning.few");
  }
}

/** Lines of measures and warnings that follow the shape while it changes. */
function livePart(app: App, changed: (run: () => void) => void): HTMLElement {
  const sum = h("p", { class: "measures", role: "status" });
  const list = h("ul", { class: "warnings" });
  const render = (): void => {
    const { draft, sketch } = app.store.state;
    const shape = sketch ?? draft?.history?.present ?? null;
    sum.textContent = shape ? measures(app, shape) : "";
    const warnings = shape && !sketch ? warningsOf(shape) : [];
    const texts = [...new Set(warnings.map((warning) => warningText(app, warning)))];
    fill(list, ...texts.map((text) => h("li", {}, `▲ ${text}`)));
  };
  changed(render);
  render();
  return h("div", { class: "live" }, sum, list);
}

/** Follows the phone along the boundary, a corner every few metres. */
function walkButton({ app, editor, farm }: Parts): HTMLElement | null {
  const { t } = app;
  if (!canLocate()) {
    return null;
  }
  let watch: number | null = null;
  let last: GeolocationCoordinates | null = null;
  let awake: Promise<WakeLockSentinel | null> = Promise.resolve(null);
  const button = h("button", { type: "button", "aria-pressed": "false" }, t("draw.walk"));
  // One may look at another part of the page meanwhile; the outline ends it, or the form.
  const isGone = (): boolean => !editor.isDrawing || !button.closest("form")?.parentElement;
  const stop = (): void => {
    void awake.then((lock) => lock?.release());
    if (watch !== null) {
      navigator.geolocation.clearWatch(watch);
      watch = null;
    }
    button.setAttribute("aria-pressed", "false");
  };
  const step = ({ coords }: GeolocationPosition): void => {
    if (isGone()) {
      stop();
      return;
    }
    const scale = Math.cos((coords.latitude * Math.PI) / 180);
    const moved_m = last
      ? 111_319 *
        Math.hypot((coords.longitude - last.longitude) * scale, coords.latitude - last.latitude)
      : Infinity;
    const here: Position = [coords.longitude, coords.latitude];
    farm.showOwnPosition(here, coords.accuracy);
    farm.showPlace(here);
    if (coords.accuracy <= WALK_ACCURACY_M_MAX && moved_m >= WALK_STEP_M) {
      last = coords;
      editor.addCorner(here);
    }
  };
  // Under trees a position may fail to come; that ends nothing.
  const failed = ({ code, PERMISSION_DENIED }: GeolocationPositionError): void => {
    if (code === PERMISSION_DENIED) {
      stop();
    }
    tell(app, t(code === PERMISSION_DENIED ? "position.refused" : "position.waiting"), "bad");
  };
  button.addEventListener("click", () => {
    if (watch !== null) {
      stop();
      return;
    }
    button.setAttribute("aria-pressed", "true");
    // A phone that goes to sleep hears no positions.
    awake = navigator.wakeLock?.request("screen").catch(() => null) ?? Promise.resolve(null);
    watch = navigator.geolocation.watchPosition(step, failed, { enableHighAccuracy: true });
  });
  return button;
}

function drawingPart(parts: Parts, draft: Draft): HTMLElement {
  const { app, editor } = parts;
  const { t } = app;
  const kind = draft.isAddingHole ? "polygon" : draft.kind;
  const isCircle = kind === "circle";
  const button = (text: string, run: () => void, css = ""): HTMLElement =>
    h("button", { type: "button", class: css, onclick: run }, text);
  return h(
    "div",
    { class: "drawing" },
    h("p", {}, t(draft.isAddingHole ? "draw.hole" : `draw.${kind}`)),
    h("p", { class: "hint keys" }, t("draw.keys")),
    h(
      "div",
      { class: "row" },
      button(t(isCircle ? "draw.set_circle" : "draw.corner"), () => editor.addCorner(), "primary"),
      !isCircle && button(t("draw.back"), () => editor.removeLastCorner()),
      !isCircle && button(t("draw.finish"), () => editor.finish()),
      !isCircle && walkButton(parts),
    ),
  );
}

function shapeTools({ app, editor }: Parts): HTMLElement {
  const { t, store } = app;
  const undo = h("button", { type: "button", onclick: () => undoDraft(app) }, t("undo"));
  const redo = h("button", { type: "button", onclick: () => redoDraft(app) }, t("redo"));
  const { draft } = store.state;
  const hole = h(
    "button",
    { type: "button", onclick: () => changeDraft(app, { isAddingHole: true }) },
    t("form.hole"),
  );
  const remove = h("button", { type: "button", "aria-pressed": "false" }, t("form.remove_corners"));
  remove.addEventListener("click", () => {
    editor.isRemoving = !editor.isRemoving;
    remove.setAttribute("aria-pressed", String(editor.isRemoving));
  });
  editor.isRemoving = false;
  const end = store.on(["draft"], () => {
    const history = store.state.draft?.history;
    undo.disabled = !history || history.past.length === 0;
    redo.disabled = !history || history.future.length === 0;
    if (!store.state.draft) {
      end();
    }
  });
  undo.disabled = (draft?.history?.past.length ?? 0) === 0;
  redo.disabled = (draft?.history?.future.length ?? 0) === 0;
  const isPolygon = draft?.kind === "polygon";
  return h(
    "div",
    { class: "row", role: "group", "aria-label": t("form.shape") },
    undo,
    redo,
    isPolygon && hole,
    draft?.kind !== "circle" && remove,
  );
}

function numberField(
  label: string,
  value: number | null | undefined,
  step: number,
  set: (value: number | null) => void,
  hint?: string,
): HTMLElement {
  const input = h("input", { type: "number", min: 0, step, inputmode: "decimal", value });
  input.addEventListener("change", () => {
    const number = input.value === "" ? null : input.valueAsNumber;
    set(number === null || Number.isNaN(number) ? null : number);
  });
  return field(label, input, hint);
}

/** Radius or width, as an exact number. */
function sizeField(app: App): HTMLElement | null {
  const { t, store, format } = app;
  const shape = store.state.draft?.history?.present;
  if (!shape || shape.kind === "polygon") {
    return null;
  }
  const isCircle = shape.kind === "circle";
  const input = h("input", { type: "number", min: 1, step: "any", inputmode: "decimal" });
  const show = (now: Shape | undefined): void => {
    if (now && now.kind !== "polygon" && document.activeElement !== input) {
      input.value = String(format.lengthValue(now.kind === "circle" ? now.radius_m : now.width_m));
    }
  };
  show(shape);
  const end = store.on(["draft"], () => {
    show(store.state.draft?.history?.present);
    if (!store.state.draft) {
      end();
    }
  });
  input.addEventListener("change", () => {
    const now = store.state.draft?.history?.present;
    const size_m = format.metres(input.valueAsNumber);
    if (now?.kind === "circle" && size_m > 0) {
      pushShape(app, { ...now, radius_m: size_m });
    } else if (now?.kind === "corridor" && size_m > 0) {
      pushShape(app, { ...now, width_m: size_m });
    }
  });
  const label = t(isCircle ? "form.radius" : "form.width");
  return field(`${label} (${format.lengthUnit})`, input);
}

function intentField(app: App, draft: Draft): HTMLElement {
  const { t } = app;
  return h(
    "fieldset",
    { class: "intents" },
    h("legend", {}, t("form.intent")),
    ...INTENTS.map((intent) => {
      const input = h("input", {
        type: "radio",
        name: "intent",
        value: intent,
        checked: draft.props.intent === intent,
      });
      input.addEventListener("change", () => changeProps(app, { intent }));
      return h("label", { class: "toggle" }, input, h("span", {}, t(`intent.${intent}`)));
    }),
  );
}

function localTime(iso: string | null | undefined): string {
  if (!iso) {
    return "";
  }
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function moreFields(app: App, draft: Draft): HTMLElement {
  const { t, format } = app;
  const { props } = draft;
  const groups = h("input", { value: (props.groups ?? []).join(", ") });
  groups.addEventListener("change", () => {
    const names = groups.value.split(",").map((name) => name.trim()).filter(Boolean);
    changeProps(app, { groups: names });
  });
  const expiry = h("input", { type: "datetime-local", value: localTime(props.expires_at) });
  expiry.addEventListener("change", () => {
    const time = new Date(expiry.value);
    const isTime = !Number.isNaN(time.getTime());
    changeProps(app, { expires_at: isTime ? time.toISOString() : null });
  });
  const dwell_min = props.dwell_s ? props.dwell_s / MINUTE_S : null;
  return folded(
    t("form.more"),
    field(t("form.groups"), groups, t("form.groups_hint")),
    numberField(
      t("form.dwell"),
      dwell_min,
      1,
      (min) => changeProps(app, { dwell_s: min ? Math.round(min * MINUTE_S) : null }),
      t("form.dwell_hint"),
    ),
    numberField(
      t("form.approach", { unit: format.lengthUnit }),
      props.approach_m ? format.lengthValue(props.approach_m) : null,
      1,
      (value) => changeProps(app, { approach_m: value ? format.metres(value) : null }),
      t("form.approach_hint"),
    ),
    numberField(
      t("form.confirm"),
      props.confirm_fixes,
      1,
      (n) => changeProps(app, { confirm_fixes: n ? Math.round(n) : null }),
      t("form.confirm_hint"),
    ),
    field(t("form.expires"), expiry),
    scheduleField(app, props.schedule ?? null, (schedule) => changeProps(app, { schedule })),
  );
}

/** Somebody else has saved the same fence: both are on the map, and here is the choice. */
function conflictPart(
  app: App,
  changed: (run: () => void) => void,
  isNamed: () => boolean,
): HTMLElement {
  const { t, format } = app;
  const box = h("div", { class: "conflict card", role: "alert", hidden: true });
  const mine = (): void => {
    if (isNamed()) {
      void keepMine(app);
    }
  };
  changed(() => {
    const theirs = app.store.state.draft?.theirs ?? null;
    const isNew = box.hidden && theirs !== null;
    box.hidden = theirs === null;
    if (!theirs) {
      box.replaceChildren();
      return;
    }
    const { updated_by, updated, name, area_ha } = theirs.fence.properties;
    fill(
      box,
      h("h3", {}, t("conflict.title")),
      h("p", {}, t("conflict.text", {
        who: updated_by ?? "?",
        time: updated ? format.moment(updated) : "",
      })),
      h("p", {}, `${t("conflict.theirs")}: ${name}, ${format.area((area_ha ?? 0) * 10_000)}`),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", onclick: mine }, t("conflict.mine")),
        h("button", { type: "button", onclick: () => takeTheirs(app) }, t("conflict.take")),
      ),
    );
    if (isNew) {
      box.scrollIntoView({ block: "nearest" }); // the button that was pressed is always in reach
    }
  });
  return box;
}

function removeButton(app: App, id: string): HTMLElement {
  const { t, store } = app;
  const remove = (): void => {
    const name = store.state.draft?.props.name ?? "";
    if (confirm(t("fence.remove_sure", { name }))) {
      void attempt(app, () => removeFence(app, id));
    }
  };
  return h(
    "div",
    { class: "row" },
    h("button", { type: "button", class: "danger", onclick: remove }, t("remove")),
  );
}

function endButtons(app: App, changed: (run: () => void) => void): HTMLElement {
  const { t, store } = app;
  const error = h("p", { class: "error", role: "alert" });
  const save = h("button", { class: "primary", disabled: true }, t("save"));
  changed(() => {
    const now = store.state.draft;
    error.textContent = now?.error ?? "";
    const shape = now?.history?.present;
    save.disabled = !shape || now.isSaving || now.theirs !== null || isHopeless(warningsOf(shape));
  });
  const cancel = (): void => {
    if (mayDrop(app)) {
      store.set({ draft: null });
    }
  };
  return h(
    "div",
    { class: "ends" },
    error,
    h("div", { class: "row" }, save, h("button", { type: "button", onclick: cancel }, t("cancel"))),
  );
}

function undoByKey(app: App, event: KeyboardEvent): void {
  const isText = event.target instanceof HTMLInputElement;
  if (!(event.ctrlKey || event.metaKey) || isText) {
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "y" || (key === "z" && event.shiftKey)) {
    redoDraft(app);
  } else if (key === "z") {
    undoDraft(app);
  } else {
    return;
  }
  event.preventDefault();
}

/** One form for one draft; what depends on how far it is, is made anew when that changes. */
export function fenceForm(parts: Parts): HTMLElement {
  const { app, editor } = parts;
  const { t, store } = app;
  const runs: (() => void)[] = [];
  const changed = (run: () => void): void => {
    runs.push(run);
  };
  const first = store.state.draft;
  const form = h("form", { class: "fence-form view", novalidate: true });
  const onKey = (event: KeyboardEvent): void => undoByKey(app, event);
  document.addEventListener("keydown", onKey);
  if (!first) {
    return form;
  }
  const name = h("input", { value: first.props.name, maxlength: 100, required: true });
  name.addEventListener("input", () => changeProps(app, { name: name.value }));
  const top = h("div", {});
  let mode = "";
  const renderTop = (): void => {
    const { draft } = store.state;
    const now = `${draft?.id} ${draft?.etag} ${editor.isDrawing}`;
    if (!draft || now === mode) {
      return;
    }
    mode = now;
    if (editor.isDrawing) {
      fill(top, drawingPart(parts, draft));
    } else {
      fill(top, shapeTools(parts), sizeField(app), cornersPart(app));
    }
  };
  changed(renderTop);
  const isNamed = (): boolean => {
    const isThere = name.value.trim() !== "";
    if (!isThere) {
      tell(app, t("form.needs_name"), "bad");
      name.focus();
    }
    return isThere;
  };
  form.append(
    h("h2", {}, first.id === null ? t("fence.new") : t("fence.edit_named", { name: name.value })),
    conflictPart(app, changed, isNamed),
    livePart(app, changed),
    top,
    field(t("name"), name),
    intentField(app, first),
    moreFields(app, first),
  );
  if (first.id !== null) {
    form.append(versionsPart(app, first.id), removeButton(app, first.id));
  }
  form.append(endButtons(app, changed));
  onSubmit(form, () => {
    if (isNamed()) {
      void saveDraft(app);
    }
  });
  const end = store.on(["draft", "sketch"], () => {
    if (form.parentElement === null) {
      end();
      document.removeEventListener("keydown", onKey);
      return;
    }
    runs.forEach((run) => run());
  });
  runs.forEach((run) => run());
  return form;
}

