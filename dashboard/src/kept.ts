// src/kept.ts - what this browser, or a tab of it, keeps of the page; some browsers keep nothing.

type Where = "local" | "session";

/** null: nothing, or nothing that can be read. */
export function kept<T>(where: Where, key: string): T | null {
  try {
    return JSON.parse(window[`${where}Storage`].getItem(key) ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** null: nothing any longer. What is not taken, or is too much, is gone with the page. */
export function keep(where: Where, key: string, value: unknown): void {
  try {
    const storage = window[`${where}Storage`];
    if (value === null) {
      storage.removeItem(key);
    } else {
      storage.setItem(key, JSON.stringify(value));
    }
  } catch {
    // Whoever reads it does without.
  }
}
