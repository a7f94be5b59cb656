// tests/browser/frames.test.mjs - how long frames take with 10,000 animals: measured, not judged.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, keepFigure, shot, withPage } from "./harness.mjs";

const ANIMALS = 10_000;
const PADDOCKS = 100; // so near each other that every animal is drawn by itself, not as a count
const SIDE_M = 56;
const GAP_M = 4;
const PERIOD_S = 0.2; // each animal says where it is five times a second

describe("frames", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.simulate([
      `period_s ${PERIOD_S}`,
      "gps 1 0 20",
      `farms ${PADDOCKS} ${ANIMALS / PADDOCKS} ${SIDE_M} ${GAP_M}`,
    ]);
    const fences = await farm.simulatedFences();
    fences.features.forEach(({ properties }) => (properties.intent = "info"));
    await farm.ask("POST", "/v1/fences/import", fences);
  });
  after(() => farm.end());

  const frameTimes = (page, ms) =>
    page.evaluate(
      (span_ms) =>
        new Promise((resolve) => {
          const times = [];
          const begin = performance.now();
          let last = begin;
          const step = (now) => {
            times.push(now - last);
            last = now;
            if (now - begin < span_ms) {
              requestAnimationFrame(step);
            } else {
              times.sort((a, b) => a - b);
              const at = (part) => times[Math.floor((times.length - 1) * part)];
              const figures = { p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(1) };
              const rounded = Object.entries(figures).map(([k, ms]) => [k, Math.round(ms * 10) / 10]);
              resolve({ frames: times.length, ...Object.fromEntries(rounded) });
            }
          };
          requestAnimationFrame(step);
        }),
      ms,
    );

  /** Ten thousand rows, of which few are elements; the last one is there when it is scrolled to. */
  async function listOfAll(page) {
    await page.click('.tabs [data-tab="animals"]');
    await page.selectOption("[aria-label='Order']", "name");
    const rows = page.locator(".view .animals li");
    await rows.first().waitFor();
    assert.ok((await rows.count()) < 100, "all rows are elements");
    assert.equal(await rows.first().getAttribute("aria-setsize"), String(ANIMALS));
    await page.$eval("#panel", (panel) => panel.scrollTo(0, panel.scrollHeight));
    await page.waitForSelector(`.view .animals li[aria-posinset="${ANIMALS}"]`);
    await shot(page, "ten-thousand-rows");
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await rows.count(), 2000, "paper has as many as it may");
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.ok((await rows.count()) < 100);
  }

  it("measures frames while 10,000 animals of the simulator move and the map is panned", async () => {
    await withPage(farm, {}, async (page) => {
      let positions = 0;
      const record_bytes = 12;
      page.on("websocket", (socket) =>
        socket.on("framereceived", ({ payload }) => {
          positions += typeof payload === "string" ? 0 : payload.length / record_bytes - 1;
        }),
      );
      await page.reload();
      await page.waitForSelector(".in-view:has-text('in view: 10,000')");
      const beganMs = Date.now();
      positions = 0;
      const moving = await frameTimes(page, 2000);
      const perSecond = Math.round((1000 * positions) / (Date.now() - beganMs));
      await shot(page, "ten-thousand");
      const box = await page.locator("#map").boundingBox();
      const endMs = Date.now() + 2000;
      const panning = frameTimes(page, 2000);
      await page.mouse.move(box.x + 400, box.y + 300);
      await page.mouse.down();
      // On a busy machine a move may take a second; what is not measured need not be moved.
      for (let i = 0; i < 60 && Date.now() < endMs; i++) {
        await page.mouse.move(box.x + 400 + 3 * (i % 30), box.y + 300 + 2 * (i % 20));
      }
      await page.mouse.up();
      const panned = await panning;
      // Near enough, each animal is drawn by itself.
      await page.locator(".animals [data-animal] button").first().click();
      await page.click("[data-selected] button:has-text('Show on map')");
      const near = await frameTimes(page, 1000);
      await shot(page, "near");
      await listOfAll(page);
      const text = JSON.stringify({ animals: ANIMALS, perSecond, moving, panning: panned, near });
      keepFigure("frames", text);
      console.log(`# frames ${text}`);
    });
  });
});
