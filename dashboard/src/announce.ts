// src/announce.ts - tells of an alarm to those who cannot see the page; and of alerts by sound and
// by the browser, where a person has asked for it.
import type { App } from "./app.ts";
import { h } from "./dom.ts";
import { eventText } from "./words.ts";
import type { HrEvent } from "./types.ts";

const TONE_HZ = [660, 880, 660];
const TONE_S = 0.18;

const WORKER = "/sw.js";

let audio: AudioContext | null = null;
let endsAt_s = 0; // of what sounds now

/** Browsers play nothing before somebody has touched the page: the first touch allows it. */
export function allowSound(app: App): void {
  const unlock = (): void => {
    if (app.store.state.settings.sound) {
      audio ??= new AudioContext();
      void audio.resume();
    }
  };
  document.addEventListener("pointerdown", unlock, { capture: true });
  document.addEventListener("keydown", unlock, { capture: true });
}

function sound(): void {
  audio ??= new AudioContext();
  const begin = audio.currentTime;
  // After a night without a connection many alarms come in one moment: they sound as one.
  if (begin < endsAt_s) {
    return;
  }
  endsAt_s = begin + TONE_HZ.length * TONE_S;
  TONE_HZ.forEach((hz, i) => {
    const tone = audio!.createOscillator();
    const volume = audio!.createGain();
    tone.frequency.value = hz;
    volume.gain.value = 0.15;
    tone.connect(volume).connect(audio!.destination);
    tone.start(begin + i * TONE_S);
    tone.stop(begin + (i + 1) * TONE_S);
  });
}

/**
 * Asks the person; false: they or the browser refuse. Phones need a worker to show anything; nobody
 * waits until it is installed.
 */
export async function allowNotes(): Promise<boolean> {
  if (!("Notification" in window) || (await Notification.requestPermission()) !== "granted") {
    return false;
  }
  void navigator.serviceWorker?.register(WORKER).catch(() => {});
  return true;
}

async function note(body: string, tag: string): Promise<void> {
  try {
    new Notification("Hedgerow", { body, tag });
  } catch {
    // On phones only a worker may.
    const worker = await navigator.serviceWorker?.getRegistration();
    await worker?.showNotification("Hedgerow", { body, tag });
  }
}

let spoken: HTMLElement | null = null;

/** Unseen; screen readers read what changes in it, wherever one is on the page. */
export function spokenLine(): HTMLElement {
  spoken = h("p", { class: "unseen", role: "alert" });
  return spoken;
}

export function announce(app: App, event: HrEvent): void {
  const { settings } = app.store.state;
  if (event.severity === "info" || event.late) {
    return;
  }
  if (spoken && event.severity === "alarm") {
    spoken.textContent = `${app.t("severity.alarm")}: ${eventText(app, event)}`;
  }
  if (settings.sound && event.severity === "alarm") {
    sound();
  }
  if (settings.notify && "Notification" in window && Notification.permission === "granted") {
    void note(eventText(app, event), event.id).catch(() => {});
  }
}
