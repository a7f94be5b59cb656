// src/i18n.ts - strings by key; English is in the bundle, other languages are fetched.
import english from "./strings/en.json";
import type { Language } from "./settings.ts";

export type Key = keyof typeof english;
export type Strings = Record<Key, string>;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

export async function loadStrings(language: Language): Promise<Strings> {
  if (language === "en") {
    return english;
  }
  try {
    const answer = await fetch(`/strings-${language}.json`);
    return { ...english, ...((await answer.json()) as Partial<Strings>) };
  } catch {
    return english;
  }
}

/** "{n} animals" with {n: 3} becomes "3 animals". */
export function translator(strings: Strings): Translate {
  return (key, values) =>
    strings[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values?.[name] ?? whole));
}
