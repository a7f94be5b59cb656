// tests/browser/main.mjs - all browser tests, one after the other: node main.mjs [NAME-OF-FILE...]
import { after } from "node:test";
import { endBrowsers } from "./harness.mjs";

const FILES = ["entry", "roles", "draw", "alerts", "past", "edit", "tracks", "tiles", "windows", "system",
  "recover", "order", "lasting", "access", "frames"];
const wanted = process.argv.slice(2);
for (const name of FILES) {
  if (wanted.length === 0 || wanted.includes(name)) {
    await import(`./${name}.test.mjs`);
  }
}
after(endBrowsers);
