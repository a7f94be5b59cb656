// tests/browser/frames.test.mjs - how long frames take with 10,000 animals: measured, not judged.
import { after, before, describe, it } from "node:test";
import { Farm, keepFigure, shot, square, withPage } from "./harness.mjs";

const ANIMALS = 10_000;
const PER_MESSAGE = 500;
const SIDE_M = 4000;
const ROUNDS = 3;

describe("frames", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("farm", "Farm", SIDE_M));
  });
  after(() => farm.end());

  /** A round of fixes of all animals, each a few metres on. */
  async function round(number) {
    for (let from = 0; from < ANIMALS; from += PER_MESSAGE) {
      const fixes = Array.from({ length: PER_MESSAGE }, (_, i) => {
        const n = from + i;
        const east = ((n * 7919) % 7000) - 3500 + number * 12 * Math.cos(n);
        const north = ((n * 104729) % 7000) - 3500 + number * 12 * Math.sin(n);
        return [`cow-${n}`, number * 10, east, north];
      });
      await farm.publish(...fixes);
    }
  }

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
              resolve({ frames: times.length, p50: at(0.5), p99: at(0.99), worst: at(1) });
            }
          };
          requestAnimationFrame(step);
        }),
      ms,
    );

  it("measures frames while 10,000 animals move and the map is panned", async () => {
    await round(0);
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector(".in-view:has-text('in view: 10,000')");
      const rounds = (async () => {
        for (let number = 1; number <= ROUNDS; number++) {
          await round(number);
        }
      })();
      const moving = await frameTimes(page, 4000);
      await rounds;
      const box = await page.locator("#map").boundingBox();
      const panning = frameTimes(page, 3000);
      await page.mouse.move(box.x + 400, box.y + 300);
      await page.mouse.down();
      for (let i = 0; i < 60; i++) {
        await page.mouse.move(box.x + 400 + 3 * (i % 30), box.y + 300 + 2 * (i % 20));
      }
      await page.mouse.up();
      const panned = await panning;
      // Near enough, each animal is drawn by itself.
      await page.focus("#map");
      for (let i = 0; i < 3; i++) {
        await page.keyboard.press("+");
        await page.waitForTimeout(400);
      }
      await page.waitForFunction(() => document.querySelectorAll(".animals li").length > 0);
      await shot(page, "near");
      const near = await frameTimes(page, 2000);
      const text = JSON.stringify({ animals: ANIMALS, moving, panning: panned, near });
      keepFigure("frames", text);
      console.log(`# frames ${text}`);
      await shot(page, "ten-thousand");
    });
  });
});
