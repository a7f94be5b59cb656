// src/announce.ts - tells of an alert by sound and by the browser, where a person has asked for it.
import type { App } from "./app.ts";
import { eventText } from "./words.ts";
import type { HrEvent } from "./types.ts";

const TONE_HZ = [660, 880, 660];
const TONE_S = 0.18;

let audio: AudioContext | null = null;

function sound(): void {
  audio ??= new AudioContext();
  const begin = audio.currentTime;
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

export function announce(app: App, event: HrEvent): void {
  const { settings } = app.store.state;
  if (event.severity === "info" || event.late) {
    return;
  }
  if (settings.sound && event.severity === "alarm") {
    sound();
  }
  if (settings.notify && "Notification" in window && Notification.permission === "granted") {
    new Notification("Hedgerow", { body: eventText(app, event), tag: event.id });
  }
}
