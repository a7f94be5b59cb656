// test/errors.test.ts - what the service says is wrong, worded by its codes in each language.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ApiError } from "../src/api.ts";
import { errorText } from "../src/errors.ts";
import { reasonsOf } from "../src/health.ts";
import { translator } from "../src/i18n.ts";
import de from "../src/strings/de.json";
import en from "../src/strings/en.json";
import sv from "../src/strings/sv.json";
import type { HealthItem } from "../src/types.ts";

const LANGUAGES = [en, sv, de];
const place = (lon: number, lat: number): string => `${lat} N ${lon} E`;
const age = (ms: number): string => `${ms / 60_000} min`;

test("why the service is not well is told in the reader's words, with its own beside", () => {
  const message = "the broker is down since 180 s: mosquitto ended";
  const down: HealthItem = { code: "broker.down", message, values: { seconds: 180 } };
  for (const strings of LANGUAGES) {
    const t = translator(strings);
    const [reason, ...others] = reasonsOf([down, { ...down, message: "again" }], t, age);
    assert.equal(reason?.text, strings["reason.broker.down"].replace("{span}", "3 min"));
    assert.equal(reason?.original, message);
    assert.equal(others.length, 0, "one thing that two parts suffer from is told once");
  }
  const fresh: HealthItem = { code: "moon.full", message: "the moon is full", values: {} };
  assert.deepEqual(reasonsOf([fresh], translator(sv), age), [
    { text: "the moon is full", original: "" },
  ]);
});

/** The reasons that the service has, from where it gives them. */
function reasonsInSources(): Set<string> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const found = new Set<string>();
  for (const folder of ["core/log", "core/engine", "edge/ingest", "edge/notify", "edge/wire/mqtt",
    "api"]) {
    for (const name of readdirSync(join(root, folder)).filter((file) => file.endsWith(".c"))) {
      const text = readFileSync(join(root, folder, name), "utf8");
      for (const [call] of text.matchAll(/(?:hr_why_reason|set_trouble)\([^;]*;/g)) {
        for (const [, reason] of call.matchAll(/"([a-z]+\.[a-z_]+)"/g)) {
          found.add(reason!);
        }
      }
    }
  }
  return found;
}

// What a service that still answers never says of itself: it ends.
const NEVER_SEEN = ["engine.failed"];

test("every reason that the service gives has a sentence, with all its values", () => {
  const reasons = [...reasonsInSources()].filter((reason) => !NEVER_SEEN.includes(reason));
  assert.ok(reasons.length > 20, reasons.join(" "));
  const values = Object.fromEntries(
    ["clocks", "device", "events", "gateway", "max", "messages", "min", "minutes", "name",
      "percent", "records", "seconds"].map((name) => [name, 1]),
  );
  for (const strings of LANGUAGES) {
    const t = translator(strings);
    for (const reason of reasons) {
      const message = "in English";
      const health = reasonsOf([{ code: reason, message, values }], t, age)[0]!.text;
      const particulars = { reason, values };
      const error = errorText(new ApiError(400, "some.invalid", message, particulars), t, place);
      const text = health === message ? error : health;
      assert.ok(!text.includes(message), `${reason}: ${text}`);
      assert.doesNotMatch(text, /[{}]/, reason);
    }
  }
});

function say(strings: typeof en, status: number, code: string, more = {}, wait?: number): string {
  const error = new ApiError(status, code, "ring 0 crosses itself at 16.37,59.85", more, wait);
  return errorText(error, translator(strings), place);
}

test("an error is worded by its reason, else its code, else the code's last word", () => {
  for (const strings of LANGUAGES) {
    const password = { reason: "user.password", values: { min: 8, max: 128 } };
    assert.match(say(strings, 400, "user.invalid", password), /8.*128/);
    assert.equal(say(strings, 409, "user.exists", { field: "user" }), strings["error.exists"]);
    assert.equal(say(strings, 507, "fence.no_space"), strings["reason.disk.full"]);
    assert.equal(say(strings, 404, "query.not_found"), strings["error.gone"]);
    assert.equal(say(strings, 503, "catalog.absent"), strings["error.starting"]);
    assert.equal(say(strings, 0, "offline"), strings["error.offline"]);
    assert.match(say(strings, 429, "rate.exceeded", {}, 7), /\b7 s\b/);
    assert.doesNotMatch(say(strings, 429, "auth.wait"), /[{}]|null/);
  }
});

test("where no code says it all, the field is named, and the service's words stand beside", () => {
  const says = sv["health.says"].replace("{text}", "ring 0 crosses itself at 16.37,59.85");
  const shape = say(sv, 400, "fence.invalid", { field: "geometry" });
  const where = sv["error.place"].replace("{place}", "59.85 N 16.37 E");
  assert.equal(shape, `${sv["error.shape"]} ${where} ${says}`);
  const times = say(sv, 400, "fence.invalid", { field: "schedule" });
  assert.equal(times, `${sv["error.field"].replace("{field}", sv["schedule.title"])} ${says}`);
  const nested = say(sv, 400, "query.invalid", { field: "window.size" });
  assert.ok(nested.startsWith(sv["error.field"].replace("{field}", sv["windows.window"])));
  assert.equal(say(sv, 400, "moon.full"), `${sv["error.refused"]} ${says}`);
  assert.equal(say(sv, 500, "moon.full"), `${sv["error.failed"]} ${says}`);
});
