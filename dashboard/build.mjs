// dashboard/build.mjs - bundles the page into dist/, with compressed copies beside every asset;
// with --tests, the unit tests into build-tests/.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const TRANSFER_BYTES_MAX = 250 * 1024;

function fresh(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

function bundle(options) {
  return build({
    bundle: true,
    format: "esm",
    target: "es2022",
    sourcemap: false,
    logLevel: "warning",
    legalComments: "none",
    ...options,
  });
}

async function buildTests() {
  const out = `${here}build-tests/`;
  fresh(out);
  const names = readdirSync(`${here}test`).filter((name) => name.endsWith(".test.ts"));
  await bundle({
    entryPoints: names.map((name) => `${here}test/${name}`),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    platform: "node",
  });
}

/** The page bears the name of what it is made of: by it, it knows whether the gateway has another. */
function nameBuild(out) {
  const hash = createHash("sha256");
  for (const name of readdirSync(out).sort()) {
    hash.update(readFileSync(`${out}${name}`));
  }
  const page = readFileSync(`${out}index.html`, "utf8");
  const place = 'name="build" content="';
  writeFileSync(`${out}index.html`, page.replace(place, place + hash.digest("hex").slice(0, 16)));
}

async function buildPage() {
  const out = `${here}dist/`;
  fresh(out);
  await bundle({ entryPoints: [`${here}src/main.ts`], outfile: `${out}app.js`, minify: true });
  await bundle({ entryPoints: [`${here}src/app.css`], outfile: `${out}app.css`, minify: true });
  for (const name of readdirSync(`${here}static`)) {
    copyFileSync(`${here}static/${name}`, `${out}${name}`);
  }
  // English is in the bundle; the others are fetched by those who read them.
  for (const language of ["sv", "de"]) {
    const strings = JSON.parse(readFileSync(`${here}src/strings/${language}.json`, "utf8"));
    writeFileSync(`${out}strings-${language}.json`, JSON.stringify(strings));
  }
  nameBuild(out);
  let total = 0;
  for (const name of readdirSync(out)) {
    const zipped = gzipSync(readFileSync(`${out}${name}`), { level: 9 });
    writeFileSync(`${out}${name}.gz`, zipped);
    total += zipped.length;
  }
  console.log(`dashboard: ${Math.round(total / 1024)} kB compressed`);
  if (total > TRANSFER_BYTES_MAX) {
    throw new Error(`the page is larger than ${TRANSFER_BYTES_MAX} bytes compressed`);
  }
}

await (process.argv.includes("--tests") ? buildTests() : buildPage());
