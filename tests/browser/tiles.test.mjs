// tests/browser/tiles.test.mjs - the map under the animals: the gateway's own file, an online one.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Farm, shot, square, until, withPage } from "./harness.mjs";

// Whole tiles of one colour, for the zooms at which the farm fits the screen.
const MAKE = `
import sqlite3, struct, sys, zlib
def png(color):
    rows = (b"\\0" + bytes(color) * 256) * 256
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", struct.pack(">IIBBBBB", 256, 256, 8, 2, 0, 0, 0))
            + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
open(sys.argv[2], "wb").write(png((250, 20, 200)))
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("create table tiles(zoom_level, tile_column, tile_row, tile_data)")
    db.execute("create table metadata(name, value)")
    for z, x0, x1, y0, y1 in (map(int, part.split(",")) for part in sys.argv[3:]):
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                db.execute("insert into tiles values (?, ?, ?, ?)",
                           (z, x, 2 ** z - 1 - y, png((10, 220, 240))))
`;
const ZOOMS = [14, 15, 16, 17, 18];
const NEAR = 6; // tiles on each side of the one that the farm lies in

function rangesAround(lon, lat) {
  return ZOOMS.map((z) => {
    const x = Math.floor(((lon + 180) / 360) * 2 ** z);
    const rad = (lat * Math.PI) / 180;
    const y = Math.floor(((1 - Math.asinh(Math.tan(rad)) / Math.PI) / 2) * 2 ** z);
    return [z, x - NEAR, x + NEAR, y - NEAR, y + NEAR].join(",");
  });
}

/** The colour of the tiles at a place of the map's own canvas; null while it cannot be read. */
const colorAt = (page, x, y) =>
  page.evaluate(
    ([px, py]) => {
      for (const canvas of document.querySelectorAll("#map .ol-layer canvas")) {
        const data = canvas.getContext("2d").getImageData(px, py, 1, 1).data;
        if (data[3] > 0) {
          return [...data.slice(0, 3)];
        }
      }
      return null;
    },
    [x, y],
  );

const isNear = (color, wanted) =>
  color !== null && color.every((part, i) => Math.abs(part - wanted[i]) < 12);

describe("the map below", () => {
  let farm;
  let folder;
  let picture;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "hr-tiles-"));
    const file = join(folder, "farm.mbtiles");
    execFileSync("python3", ["-c", MAKE, file, join(folder, "one.png"), ...rangesAround(16.37, 59.85)]);
    picture = readFileSync(join(folder, "one.png"));
    farm = await new Farm().start({ flags: ["--tiles", file] });
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
  });
  after(async () => {
    await farm.end();
    rmSync(folder, { recursive: true, force: true });
  });

  it("tiles of the gateway's own file lie under the fences", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      await until("the tiles", async () => isNear(await colorAt(page, 30, 400), [10, 220, 240]));
      await shot(page, "map-tiles");
    });
  });

  it("a page that begins on another part shows the farm once its map is seen", async () => {
    await withPage(farm, { path: "/#system" }, async (page) => {
      const fences = page.waitForResponse(/\/v1\/fences/);
      await page.reload();
      await fences;
      await page.waitForSelector('.status[data-link="live"]');
      await page.click('[data-tab="map"]');
      await until("the tiles", async () => isNear(await colorAt(page, 30, 400), [10, 220, 240]));
    });
  });

  it("the owner names an online map; pictures come from there, and from nowhere else", async () => {
    let asked = 0;
    const serve = (_, answer) => {
      asked++;
      answer.writeHead(200, { "Content-Type": "image/png" }).end(picture);
    };
    const online = createServer(serve).listen(0, "127.0.0.1");
    const other = createServer(serve).listen(0, "127.0.0.1");
    await Promise.all([once(online, "listening"), once(other, "listening")]);
    try {
      // The refused address, and the page's policy about pictures of anybody else.
      const expects = /status of 400 .*\/v1\/farm|Content Security Policy/;
      await withPage(farm, { expects }, async (page) => {
        const colleague = await page.context().newPage();
        await colleague.goto(farm.url);
        await colleague.waitForSelector('.status[data-link="live"]');
        await page.bringToFront();
        await page.click('[data-tab="system"]');
        await page.fill("[name=farm]", "Björkö");
        await page.fill("[name=map-url]", "nonsense");
        await page.fill("[name=map-credit]", "<b>Somebody's</b> map");
        await page.click("form:has([name=map-url]) button:has-text('Save')");
        await page.waitForSelector('.notice[data-tone="bad"]:has-text("{z}")');
        const address = `http://127.0.0.1:${online.address().port}/{z}/{x}/{y}.png`;
        await page.fill("[name=map-url]", address);
        await page.click("form:has([name=map-url]) button:has-text('Save')");
        await page.waitForSelector("h1:text-is('Björkö')");
        // Somebody else's page looks as it comes to the front, and every few seconds.
        await colleague.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
        await colleague.waitForSelector("h1:text-is('Björkö')");
        await page.click('[data-tab="map"]');
        await Promise.all([page, colleague].map((each) =>
          each.waitForSelector(".credit:text-is(\"<b>Somebody's</b> map\")")));
        await until("tiles asked for", () => asked > 0);
        const load = (port) =>
          page.evaluate(
            (src) =>
              new Promise((resolve) => {
                const image = new Image();
                image.onload = () => resolve(true);
                image.onerror = () => resolve(false);
                image.src = src;
              }),
            `http://127.0.0.1:${port}/x.png`,
          );
        assert.equal(await load(online.address().port), true);
        assert.equal(await load(other.address().port), false);
      });
    } finally {
      online.close();
      other.close();
    }
  });
});
