// src/settings.ts - what one person wishes on one device: language, units, light or dark, sound.
import { keep, kept } from "./kept.ts";

export type Language = "en" | "sv" | "de";
export interface Settings {
  language: Language;
  units: "metric" | "imperial";
  theme: "auto" | "light" | "dark";
  sound: boolean;
  notify: boolean;
}

const KEY = "hedgerow.settings";
export const LANGUAGES: readonly Language[] = ["en", "sv", "de"];

function defaults(): Settings {
  const wished = navigator.language.slice(0, 2) as Language;
  const isImperial = ["en-US", "en-LR", "my"].includes(navigator.language);
  return {
    language: LANGUAGES.includes(wished) ? wished : "en",
    units: isImperial ? "imperial" : "metric",
    theme: "auto",
    sound: false,
    notify: false,
  };
}

export function loadSettings(): Settings {
  return { ...defaults(), ...kept<Partial<Settings>>("local", KEY) };
}

export function saveSettings(settings: Settings): void {
  keep("local", KEY, settings);
}

export function applyTheme(settings: Settings): void {
  const root = document.documentElement;
  if (settings.theme === "auto") {
    delete root.dataset["theme"];
  } else {
    root.dataset["theme"] = settings.theme;
  }
  root.lang = settings.language;
}

/** The device's own country where it speaks that language: 24 hours in Britain, 12 in America. */
export function localeOf(language: Language): string {
  return navigator.language.startsWith(language) ? navigator.language : language;
}

export function isDark(settings: Settings): boolean {
  return settings.theme === "auto"
    ? matchMedia("(prefers-color-scheme: dark)").matches
    : settings.theme === "dark";
}
