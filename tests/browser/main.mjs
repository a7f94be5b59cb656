// tests/browser/main.mjs - all browser tests, one after the other: node main.mjs [NAME-OF-FILE...]
const FILES = ["entry", "draw", "alerts", "edit", "windows", "recover", "access", "frames"];
const wanted = process.argv.slice(2);
for (const name of FILES) {
  if (wanted.length === 0 || wanted.includes(name)) {
    await import(`./${name}.test.mjs`);
  }
}
