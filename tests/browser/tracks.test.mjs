// tests/browser/tracks.test.mjs - where an animal was: playback, time per paddock, warmth, files.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { Farm, shot, square, until, withPage } from "./harness.mjs";

const HOUR_S = 3600;

describe("tracks", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    await farm.ask("POST", "/v1/fences", square("south", "South field", 60, {}, [0, -400]));
    // Half an hour in the paddock, out for ten minutes, back; a fix every minute.
    const nowS = (Date.now() - farm.startMs) / 1000;
    const walk = Array.from({ length: 60 }, (_, i) => {
      const isOut = i >= 30 && i < 40;
      return ["cow-1", nowS + (i - 60) * 60, isOut ? 300 : 10 * Math.cos(i), 10 * Math.sin(i)];
    });
    await farm.publish(["cow-3", nowS - 7200, 500, 0], ...walk);
    await farm.heardOf("cow-1", walk.at(-1)[1]);
  });
  after(() => farm.end());

  async function openTrack(page) {
    await page.click('.animals [data-animal="cow-1"] button');
    await page.click('[data-selected="cow-1"] summary:has-text("Track")');
    await page.click("button:has-text('Show track')");
    await page.waitForSelector("text=Positions: 60");
  }

  it("a track is played, its slider moved, its warmth shown", async () => {
    await withPage(farm, {}, async (page) => {
      await openTrack(page);
      const slider = page.locator("[data-selected='cow-1'] input[type=range]");
      assert.equal(await slider.inputValue(), "59");
      await slider.focus();
      await page.keyboard.press("Home");
      const first = await slider.getAttribute("aria-valuetext");
      await page.click("button:has-text('Play')");
      await until("movement", async () => Number(await slider.inputValue()) > 3);
      assert.notEqual(await slider.getAttribute("aria-valuetext"), first);
      await shot(page, "track");
      await page.check("label:has-text('Heat map') input");
      await until("warmth", () =>
        page.$$eval("#map canvas.animals-canvas", (all) =>
          all.some((canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.some((part, i) => i % 4 === 3 && part > 0);
          }),
        ),
      );
      await shot(page, "heat");
    });
  });

  it("an animal that was not heard of in that time has no track, and no error", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="animals"]');
      await page.click('[data-animal="cow-3"] button');
      await page.click('[data-selected="cow-3"] summary:has-text("Track")');
      await page.selectOption('[data-selected="cow-3"] select', "1");
      await page.click("button:has-text('Show track')");
      await page.waitForSelector("text=No positions in that time.");
    });
  });

  it("the time in each paddock is told with what is uncertain about it", async () => {
    await withPage(farm, {}, async (page) => {
      await openTrack(page);
      const stay = page.locator('[data-stay="north"]');
      // About 50 of 60 minutes; three crossings, each seen by a fix a minute.
      const text = await stay.textContent();
      const [, minutes, error] = /(\d+) min, give or take (\d+) min/.exec(text);
      assert.ok(Number(minutes) >= 48 && Number(minutes) <= 53, text);
      assert.ok(Number(error) >= 2 && Number(error) <= 4, text);
      assert.match(text, /Visits: 2/);
      assert.match(text, /still inside/);
      assert.equal(await page.locator('[data-stay="south"]').count(), 0);
    });
  });

  it("a track is exported as GPX, CSV and GeoJSON that others can read", async () => {
    await withPage(farm, {}, async (page) => {
      await openTrack(page);
      const files = {};
      for (const kind of ["GPX", "CSV", "GeoJSON"]) {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.click(`[data-selected="cow-1"] button:text-is("${kind}")`),
        ]);
        assert.equal(download.suggestedFilename(), `cow-1.${kind.toLowerCase()}`);
        files[kind] = readFileSync(await download.path(), "utf8");
      }
      const points = await page.evaluate((text) => {
        const gpx = new DOMParser().parseFromString(text, "application/xml");
        return gpx.querySelector("parsererror")
          ? -1
          : [...gpx.querySelectorAll("trkpt")].filter(
              (point) => point.getAttribute("lat").startsWith("59.8") && point.querySelector("time"),
            ).length;
      }, files.GPX);
      assert.equal(points, 60);
      const [head, ...rows] = files.CSV.trim().split(/\r?\n/);
      assert.match(head, /^device,time,lon,lat/);
      assert.equal(rows.length, 60);
      assert.ok(rows.every((row) => /^cow-1,20\d\d-[^,]+Z,16\.3\d+,59\.8\d+/.test(row)), rows[0]);
      const line = JSON.parse(files.GeoJSON);
      const feature = line.features?.[0] ?? line;
      assert.equal(feature.geometry.type, "LineString");
      assert.equal(feature.geometry.coordinates.length, 60);
    });
  });

  it("days left of a battery are told by its trend", async () => {
    // A percent an hour from 80: empty in about three days.
    await farm.ask("POST", "/v1/queries/battery-days/stop", {});
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="animals"]');
      await page.click("button:has-text('Estimate how long batteries last')");
      await page.waitForSelector('.notice[data-tone="good"]');
      const hours = Array.from({ length: 13 }, (_, i) => i - 12);
      await farm.publish(...hours.map((n) => [
        "bull-1", n * HOUR_S, 20, 20, { battery_pct: 68 - n },
      ]));
      await until("the trend", async () => {
        const { rows } = await farm.ask("GET", "/v1/queries/battery-days/rows");
        return rows.some(({ battery }) => battery?.zero > 0);
      });
      await page.reload();
      await page.click('[data-tab="animals"]');
      await page.waitForSelector('.view [data-animal="bull-1"]:has-text("about 2 d left")');
      await page.waitForSelector('.view [data-animal="bull-1"]:has-text("North paddock")');
      await shot(page, "battery");
    });
  });

  it("who is searched for is found, also outside the view, and shown", async () => {
    await farm.publish(["stray-1", 0, 9000, 9000]);
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('.animals [data-animal="cow-1"]');
      // The map begins with more than the farm.
      await page.waitForSelector('[data-animal="stray-1"]', { state: "detached" });
      await page.fill("[aria-label='Search animals and fences']", "STRAY");
      await page.click('[data-animal="stray-1"] button');
      await page.waitForSelector('[data-selected="stray-1"]');
      await page.waitForSelector(".in-view:has-text('in view: 1')");
      assert.equal(await page.locator('[data-animal="cow-1"]').count(), 0);
      // The list of animals is of the same search, and says so.
      await page.click('[data-tab="animals"]');
      assert.equal(await page.inputValue(".view input[type=search]"), "STRAY");
    });
  });

  it("one's own position is shown where the browser allows it", async () => {
    const geolocation = { longitude: 16.37, latitude: 59.85, accuracy: 7 };
    await withPage(farm, { permissions: ["geolocation"], geolocation }, async (page) => {
      await page.click("button:has-text('My position')");
      await page.waitForSelector(".tools output:text-is('± 7.0 m')");
      await page.click("button[aria-pressed=true]:has-text('My position')");
    });
    await withPage(farm, {}, async (page) => {
      await page.click("button:has-text('My position')");
      await page.waitForSelector(".tools output:has-text('not available')");
    });
  });

  it("what one looked at is there again after a reload, and the whole farm is one tap away", async () => {
    const options = { viewport: { width: 1000, height: 700 }, reducedMotion: "reduce" };
    await withPage(farm, options, async (page) => {
      await page.waitForSelector('.animals [data-animal="bull-1"]');
      // What somebody else says of an animal is followed too.
      await farm.ask("PATCH", "/v1/devices/cow-1", { groups: ["heifers"] });
      await page.selectOption(".search select >> nth=0", "heifers");
      await page.waitForSelector('.animals [data-animal="bull-1"]', { state: "detached" });
      const scale = () => page.textContent(".ol-scale-line-inner");
      const before = await until("the farm in view", async () => {
        const now = await scale();
        return /^\d+ m$/.test(now) && now;
      });
      await page.focus("#map");
      let zoomed = before;
      for (let i = 0; i < 3; i++) {
        const last = zoomed;
        await page.keyboard.press("-");
        zoomed = await until("another scale", async () => {
          const now = await scale();
          return now !== last && now;
        });
      }
      await page.reload();
      await page.waitForSelector('.animals [data-animal="cow-1"]');
      await until("the same scale", async () => (await scale()) === zoomed);
      assert.equal(await page.inputValue(".search select >> nth=0"), "heifers");
      assert.equal(await page.locator('.animals [data-animal="bull-1"]').count(), 0);
      await page.click("button.home");
      await until("the first scale", async () => (await scale()) === before);
    });
  });
});
