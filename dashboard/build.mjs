// dashboard/build.mjs - bundles the page into dist/, with compressed copies beside every asset.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = `${here}dist/`;

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: [`${here}src/main.ts`],
  outfile: `${out}app.js`,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  sourcemap: false,
  logLevel: "warning",
  legalComments: "none",
});
for (const name of readdirSync(`${here}static`)) {
  copyFileSync(`${here}static/${name}`, `${out}${name}`);
}
let total = 0;
for (const name of readdirSync(out)) {
  const zipped = gzipSync(readFileSync(`${out}${name}`), { level: 9 });
  writeFileSync(`${out}${name}.gz`, zipped);
  total += zipped.length;
}
console.log(`dashboard: ${Math.round(total / 1024)} kB compressed`);
