// src/store.ts - one place for what the page knows; views hear of the keys they render from.

export type Schedule = (flush: () => void) => void;

interface Listener<S> {
  keys: readonly (keyof S)[];
  run: () => void;
}

/** Changes are told together, after the code that made them has run. */
export class Store<S extends object> {
  #state: S;
  #changed = new Set<keyof S>();
  #listeners = new Set<Listener<S>>();
  #scheduled = false;
  #schedule: Schedule;

  constructor(state: S, schedule: Schedule = (flush) => queueMicrotask(flush)) {
    this.#state = state;
    this.#schedule = schedule;
  }

  get state(): Readonly<S> {
    return this.#state;
  }

  set(patch: Partial<S>): void {
    const next = { ...this.#state, ...patch };
    for (const key of Object.keys(patch) as (keyof S)[]) {
      if (next[key] !== this.#state[key]) {
        this.#changed.add(key);
      }
    }
    this.#state = next;
    if (this.#changed.size > 0 && !this.#scheduled) {
      this.#scheduled = true;
      this.#schedule(() => this.#flush());
    }
  }

  /** Runs at each change of one of the keys; returns what ends that. */
  on(keys: readonly (keyof S)[], run: () => void): () => void {
    const listener = { keys, run };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #flush(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#scheduled = false;
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener) && listener.keys.some((key) => changed.has(key))) {
        listener.run();
      }
    }
  }
}
