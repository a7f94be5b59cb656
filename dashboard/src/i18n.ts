// src/i18n.ts - strings by key; English is in the bundle, other languages are fetched.
import english from "./strings/en.json";
import type { Language } from "./settings.ts";

export type Key = keyof typeof english;
export type Strings = Record<Key, string>;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

/** Whether there are words for something that the service names. */
export function isKey(name: string): name is Key {
  return Object.hasOwn(english, name);
}

const WAIT_MS_MAX = 10_000; // then English must do: until the words are there, nothing is shown

export async function loadStrings(language: Language): Promise<Strings> {
  if (language === "en") {
    return english;
  }
  try {
    const signal = AbortSignal.timeout(WAIT_MS_MAX);
    const answer = await fetch(`/strings-${language}.json`, { signal });
    return { ...english, ...((await answer.json()) as Partial<Strings>) };
  } catch {
    return english;
  }
}

// Letters that run from right to left, and characters that turn the direction of what follows.
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;
const ISOLATE = "\u2068";
const END = "\u2069";

/** A name that runs the other way may not drag the words beside it along. */
export function isolated(text: string): string {
  if (!TURNS.test(text)) {
    return text;
  }
  return `${ISOLATE}${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}${END}`;
}

/** "{n} animals" with {n: 3} becomes "3 animals". */
export function translator(strings: Strings): Translate {
  return (key, values) =>
    strings[key].replace(/\{(\w+)\}/g, (whole, name: string) =>
      isolated(String(values?.[name] ?? whole)),
    );
}
