// src/kept_draft.ts - a fence that is not saved yet outlives the page: a phone that was put away,
// a session that ended, a reload. It is kept by this tab, for the same user and farm.
import type { App } from "./app.ts";
import { begin } from "./history.ts";
import { keep, kept } from "./kept.ts";
import type { Shape } from "./shape.ts";
import type { Draft } from "./state.ts";
import type { Position } from "./types.ts";

const KEY = "hedgerow.draft";
const SAVED_KEY = "hedgerow.saved";
const SAVED_MAX = 50; // older ones are forgotten

/** Without its steps back, and without what the service said of it. */
interface KeptDraft {
  epoch: string;
  user: string;
  draft: Pick<Draft, "key" | "id" | "etag" | "kind" | "props" | "isAddingHole" | "isUnsure">;
  shape: Shape | null;
  /** Corners of the outline that was being drawn. */
  corners: Position[];
}

function keptFor(epoch: string | null, user: string | undefined): KeptDraft | null {
  const found = kept<KeptDraft>("session", KEY);
  return found && found.epoch === epoch && found.user === user ? found : null;
}

type Saved = [key: string, id: string];

/** The fence that a draft has become, be it in another tab: a copy of a tab has what that kept. */
export function savedAs(key: string): string | null {
  return kept<Saved[]>("local", SAVED_KEY)?.find((saved) => saved[0] === key)?.[1] ?? null;
}

/** null: it is there no longer. */
export function noteSaved(key: string, id: string | null): void {
  const others = (kept<Saved[]>("local", SAVED_KEY) ?? []).filter((saved) => saved[0] !== key);
  keep("local", SAVED_KEY, id === null ? others : [...others, [key, id]].slice(-SAVED_MAX));
}

/** The corners that stand: a sketch also holds the one that the pointer still carries about. */
export function cornersOfSketch(sketch: Shape | null): Position[] {
  const line =
    sketch?.kind === "polygon"
      ? (sketch.polygons[0]?.[0] ?? []).slice(0, -1)
      : sketch?.kind === "corridor"
        ? sketch.line
        : [];
  const isSame = (a: Position, b: Position | undefined): boolean =>
    b !== undefined && a[0] === b[0] && a[1] === b[1];
  return line.slice(0, -1).filter((corner, i, all) => !isSame(corner, all[i - 1]));
}

function draftOfKept({ draft, shape }: KeptDraft): Draft {
  return {
    ...draft,
    history: shape ? begin(shape) : null,
    isSaving: false,
    error: null,
    theirs: null,
  };
}

/** Keeps what is drawn from now on; `resume` puts back the corners of an unfinished outline. */
export function keepDrafts(app: App, resume: (corners: Position[]) => void): void {
  const { store, t } = app;
  let isRestored = false;
  let waiting: Position[] = []; // corners that are to be put back once the map is seen
  const save = (): void => {
    const { draft, sketch, me } = store.state;
    const { epoch } = app.live;
    if (!isRestored || epoch === null || !me) {
      return;
    }
    if (!draft || sketch) {
      waiting = [];
    }
    if (!draft) {
      keep("session", KEY, null);
      return;
    }
    const { key, id, etag, kind, props, isAddingHole, isUnsure } = draft;
    const own: KeptDraft = {
      epoch,
      user: me.user,
      draft: { key, id, etag, kind, props, isAddingHole, isUnsure },
      shape: draft.history?.present ?? null,
      corners: sketch ? cornersOfSketch(sketch) : waiting,
    };
    keep("session", KEY, own);
  };
  const restore = (): void => {
    if (isRestored || !store.state.areFencesKnown) {
      return;
    }
    isRestored = true;
    const found = keptFor(app.live.epoch, store.state.me?.user);
    if (!found || store.state.draft || store.state.me?.role === "viewer") {
      return;
    }
    waiting = found.corners;
    store.set({
      draft: draftOfKept(found),
      notice: { text: t("draft.back"), tone: "plain" },
    });
    if (waiting.length > 0) {
      // After the editor has heard of the draft.
      setTimeout(() => resume(found.corners));
    }
  };
  store.on(["areFencesKnown"], restore);
  store.on(["draft", "sketch"], save);
}
