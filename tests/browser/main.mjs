// tests/browser/main.mjs - the browser tests, one after the other: all, those of the files that are
// named, or, so that several parts run at once, every N-th file of those that measure nothing.
// usage: node main.mjs [NAME-OF-FILE... | --part K/N]
import { after } from "node:test";
import { endBrowsers } from "./harness.mjs";

const FILES = ["entry", "roles", "draw", "alerts", "past", "edit", "tracks", "tiles", "windows", "system",
  "recover", "order", "lasting", "access"];
const MEASURING = ["frames"]; // nothing else runs beside them

function wanted(words) {
  if (words[0] !== "--part") {
    return [...FILES, ...MEASURING].filter((name) => words.length === 0 || words.includes(name));
  }
  const [part, parts] = words[1].split("/").map(Number);
  return FILES.filter((_, i) => i % parts === part - 1);
}

for (const name of wanted(process.argv.slice(2))) {
  await import(`./${name}.test.mjs`);
}
after(endBrowsers);
