// src/draft.ts - a fence being drawn or changed: begun, undone, saved, in conflict, given up.
import type { Answer } from "./api.ts";
import { ApiError } from "./api.ts";
import type { App } from "./app.ts";
import { dropFence, explain, putFence, tell } from "./app.ts";
import { begin, push, redo, undo } from "./history.ts";
import { cornersOfSketch, noteSaved, savedAs } from "./kept_draft.ts";
import type { Shape, ShapeKind } from "./shape.ts";
import { fromGeometry, toGeometry } from "./shape.ts";
import type { Draft } from "./state.ts";
import { loadFences } from "./sync.ts";
import type { Fence, FenceProps } from "./types.ts";

const CORNERS_OF_WORK = 3; // fewer are soon set again

/** Properties that the catalogue adds; they are not sent back. */
const KNOWN_BY_CATALOGUE = [
  "area_ha",
  "perimeter_m",
  "revision",
  "version",
  "created",
  "created_by",
  "updated",
  "updated_by",
];

export function changeDraft(app: App, patch: Partial<Draft>): void {
  const { draft } = app.store.state;
  if (draft) {
    app.store.set({ draft: { ...draft, ...patch } });
  }
}

export function changeProps(app: App, patch: Partial<FenceProps>): void {
  const { draft } = app.store.state;
  if (draft) {
    changeDraft(app, { props: { ...draft.props, ...patch } });
  }
}

export function pushShape(app: App, shape: Shape): void {
  const { draft } = app.store.state;
  if (draft) {
    changeDraft(app, {
      history: draft.history ? push(draft.history, shape) : begin(shape),
      error: null,
    });
  }
}

export function undoDraft(app: App): void {
  const { draft } = app.store.state;
  if (draft?.history) {
    changeDraft(app, { history: undo(draft.history) });
  }
}

export function redoDraft(app: App): void {
  const { draft } = app.store.state;
  if (draft?.history) {
    changeDraft(app, { history: redo(draft.history) });
  }
}

/** One that nothing has happened to yet. */
function fresh(begun: Pick<Draft, "id" | "etag" | "kind" | "history" | "props">): Draft {
  return {
    ...begun,
    key: crypto.getRandomValues(new Uint32Array(2)).join(" "),
    isAddingHole: false,
    isUnsure: false,
    isSaving: false,
    error: null,
    theirs: null,
  };
}

export function beginFence(app: App, kind: ShapeKind): void {
  app.store.set({
    tab: "map",
    selection: null,
    draft: fresh({
      id: null,
      etag: null,
      kind,
      history: null,
      props: { name: "", intent: "keep-in" },
    }),
  });
}

function draftOf(fence: Fence, etag: string | null): Draft {
  const shape = fromGeometry(fence.geometry, fence.properties);
  const props = { ...fence.properties };
  return fresh({ id: fence.id, etag, kind: shape.kind, history: begin(shape), props });
}

let edits = 0;

/** The newest state of the fence is what is changed, and its ETag what is expected at saving. */
export async function editFence(app: App, id: string): Promise<void> {
  const asked = ++edits;
  const { draft } = app.store.state;
  const answer = await app.api.request<Fence>("GET", fencePath(id));
  putFence(app, answer.body);
  if (asked !== edits || draft !== app.store.state.draft) {
    return; // another one has been opened since, or asked for
  }
  app.store.set({ tab: "map", draft: draftOf(answer.body, answer.etag) });
  app.map.showFence(answer.body);
}

export function fencePath(id: string): string {
  return `/v1/fences/${encodeURIComponent(id)}`;
}

/** What the service is sent: no empty properties, none that the catalogue makes itself. */
export function featureOf(draft: Draft): unknown {
  if (!draft.history) {
    throw new Error("no shape yet");
  }
  const { geometry, properties } = toGeometry(draft.history.present);
  const props: Record<string, unknown> = { ...draft.props };
  for (const name of [...KNOWN_BY_CATALOGUE, "radius_m", "width_m"]) {
    delete props[name];
  }
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) {
      delete props[name];
    }
  }
  const id = draft.id === null ? {} : { id: draft.id };
  return { type: "Feature", ...id, geometry, properties: { ...props, ...properties } };
}

/** The fence that was made although nobody heard the answer; null: it was not. */
async function madeUnheard(app: App, draft: Draft): Promise<Fence | null> {
  await loadFences(app);
  const wanted = featureOf(draft) as Fence;
  const isSame = ({ geometry, properties }: Fence): boolean =>
    properties.name === wanted.properties.name &&
    JSON.stringify(geometry) === JSON.stringify(wanted.geometry);
  return [...app.store.state.fences.values()].find(isSame) ?? null;
}

async function make(app: App, draft: Draft): Promise<Answer<Fence>> {
  const made = draft.isUnsure ? await madeUnheard(app, draft) : null;
  return made
    ? app.api.request<Fence>("GET", fencePath(made.id))
    : app.api.request<Fence>("POST", "/v1/fences", featureOf(draft));
}

/** Only the state that was changed is replaced; where there is none, nothing is. */
function send(app: App, draft: Draft): Promise<Answer<Fence>> {
  const { id, etag: ifMatch } = draft;
  return id === null || ifMatch === null
    ? make(app, draft)
    : app.api.request<Fence>("PUT", fencePath(id), featureOf(draft), { ifMatch });
}

/** Asks before something is given up that took work to draw; false: it is kept. */
export function mayDrop({ store, t }: App): boolean {
  const { draft, sketch } = store.state;
  const isDrawn = cornersOfSketch(sketch).length >= CORNERS_OF_WORK;
  const isChanged = draft?.history != null && (draft.id === null || draft.history.past.length > 0);
  return !(isDrawn || isChanged) || confirm(t("draft.drop_sure"));
}

/** What was sent is saved; what has been done meanwhile goes on. */
function saved(app: App, sent: Draft, { body: fence, etag }: Answer<Fence>): void {
  const { draft } = app.store.state;
  putFence(app, fence);
  if (sent.id === null) {
    noteSaved(sent.key, fence.id);
  }
  tell(app, app.t("fence.saved", { name: fence.properties.name }), "good");
  if (draft?.key !== sent.key) {
    return;
  }
  if (draft.history === sent.history && draft.props === sent.props && !draft.isAddingHole) {
    app.store.set({ draft: null, selection: { kind: "fence", id: fence.id } });
  } else {
    changeDraft(app, { id: fence.id, etag, isSaving: false });
  }
}

/** It has another state than the one that was changed, or is there again. */
function isConflict(reason: unknown): boolean {
  return reason instanceof ApiError && (reason.status === 412 || reason.code === "fence.exists");
}

/** True when it is saved. */
export async function saveDraft(app: App): Promise<boolean> {
  const { draft } = app.store.state;
  if (!draft || draft.isSaving) {
    return false;
  }
  changeDraft(app, { isSaving: true, error: null });
  try {
    const copy = draft.id === null ? savedAs(draft.key) : null;
    if (copy !== null) {
      await showTheirs(app, copy, draft.key);
      return false;
    }
    saved(app, draft, await send(app, draft));
    return true;
  } catch (reason) {
    if (app.store.state.draft?.key !== draft.key) {
      tell(app, explain(app, reason), "bad");
    } else if (draft.id !== null && isConflict(reason)) {
      await showTheirs(app, draft.id, draft.key);
    } else {
      refused(app, reason);
    }
    return false;
  }
}

/** Why it is not saved, and what saving it again is to mean. */
function refused(app: App, reason: unknown): void {
  const status = reason instanceof ApiError ? reason.status : -1;
  const { draft } = app.store.state;
  if (status === 404 && draft) {
    noteSaved(draft.key, null);
    changeDraft(app, { isSaving: false, etag: null, error: app.t("conflict.removed") });
    return;
  }
  const error = explain(app, reason);
  changeDraft(app, { isSaving: false, error, ...(status === 0 ? { isUnsure: true } : {}) });
}

/** Somebody else, or another tab, has saved meanwhile: both are shown, and the person decides. */
async function showTheirs(app: App, id: string, key: string): Promise<void> {
  const isOpen = (): boolean => app.store.state.draft?.key === key;
  try {
    const { body: fence, etag } = await app.api.request<Fence>("GET", fencePath(id));
    if (isOpen()) {
      changeDraft(app, { id, isSaving: false, theirs: { fence, etag } });
    }
  } catch (reason) {
    if (isOpen()) {
      refused(app, reason);
    }
  }
}

export async function keepMine(app: App): Promise<void> {
  const { draft } = app.store.state;
  if (draft?.theirs) {
    changeDraft(app, { etag: draft.theirs.etag, theirs: null });
    await saveDraft(app);
  }
}

export function takeTheirs(app: App): void {
  const { draft } = app.store.state;
  if (draft?.theirs) {
    putFence(app, draft.theirs.fence);
    app.store.set({ draft: draftOf(draft.theirs.fence, draft.theirs.etag) });
  }
}

export async function removeFence(app: App, id: string): Promise<void> {
  const { etag } = await app.api.request<Fence>("GET", fencePath(id));
  await app.api.remove(fencePath(id), { ifMatch: etag });
  dropFence(app, id);
  const { draft, selection } = app.store.state;
  app.store.set({
    draft: draft?.id === id ? null : draft,
    selection: selection?.id === id ? null : selection,
  });
}
