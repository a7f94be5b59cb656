// src/history.ts - undo and redo of one value, as a value itself.

const STEPS_MAX = 100; // older steps are forgotten

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
}

export function begin<T>(present: T): History<T> {
  return { past: [], present, future: [] };
}

export function push<T>(history: History<T>, present: T): History<T> {
  const past = [...history.past, history.present].slice(-STEPS_MAX);
  return { past, present, future: [] };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  return before === undefined
    ? history
    : {
        past: history.past.slice(0, -1),
        present: before,
        future: [history.present, ...history.future],
      };
}

export function redo<T>(history: History<T>): History<T> {
  const after = history.future[0];
  return after === undefined
    ? history
    : {
        past: [...history.past, history.present],
        present: after,
        future: history.future.slice(1),
      };
}
