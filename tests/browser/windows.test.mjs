// tests/browser/windows.test.mjs - standing queries count before one's eyes; a new one is made.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, shot, square, withPage } from "./harness.mjs";

describe("live windows", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    await farm.publish(["cow-1", 0, 0, 0]);
  });
  after(() => farm.end());

  it("a crossing is counted while one looks on", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="windows"]');
      await page.selectOption(".any-query select >> nth=0", "trending");
      await farm.publish(["cow-1", 40, 250, 0], ["cow-2", 41, 0, 0], ["cow-2", 80, 260, 0]);
      await page.waitForSelector(".window-rows tr:has-text('North paddock')");
      await page.click("summary:has-text('How it works')");
      await page.waitForSelector("pre:has-text('group by fence')");
      await page.waitForSelector(".progress:has-text('Rows read')");
      await shot(page, "windows");
    });
  });

  it("the usual questions are answered at a glance", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="windows"]');
      const nowS = (Date.now() - farm.startMs) / 1000;
      // In and out again, over three minutes, the last crossing just now.
      await farm.publish(...[200, 140, 80, 60, 10, 2].map((ago, i) => [
        "cow-3", nowS - ago, i % 2 === 0 ? 250 : 0, 0,
      ]));
      await page.waitForSelector("[data-card=inside] li:has-text('North paddock')");
      await page.waitForSelector("[data-card=now] li:has-text('North paddock')");
      await page.waitForSelector("[data-card=lately] li:has-text('North paddock')");
      await page.waitForSelector("[data-card=ever] li:has-text('North paddock')");
      await page.waitForSelector("[data-card=minutes] canvas");
      await shot(page, "windows-cards");
    });
  });

  it("quantiles of an example are drawn as lines, told apart without colour", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="windows"]');
      await page.click("summary:has-text('New standing query')");
      await page.click(".new-query button:has-text('Speeds each minute')");
      await page.fill("[name=query-name]", "speeds");
      await page.click(".new-query button:text-is('Add')");
      await page.waitForSelector(".any-query select >> nth=0 >> option:text-is('speeds')", {
        state: "attached",
      });
      const { definition } = await farm.ask("GET", "/v1/queries/speeds");
      assert.deepEqual(definition.window, { type: "tumbling", size: "1m" });
      const nowS = (Date.now() - farm.startMs) / 1000;
      await farm.publish(...Array.from({ length: 30 }, (_, i) => [
        `cow-${i % 3}`, nowS - 150 + i * 5, 0, i, { speed_mps: (i % 10) / 5 },
      ]));
      await page.waitForSelector(".any-query canvas");
      await page.waitForSelector(".any-query .legend li:has-text('95 % below')");
      await page.waitForSelector(".any-query td:has-text('km/h')");
      // The shipped one, of herds, stands among the cards.
      await page.waitForSelector("[data-card=quantiles] li:has-text('no herd'):has-text('km/h')");
      await shot(page, "windows-quantiles");
    });
  });

  it("the time of each animal in each fence is told with its uncertainty", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="windows"]');
      await page.selectOption(".any-query select >> nth=0", "time-inside");
      await page.waitForSelector(".window-rows tr:has-text('cow-3'):has-text('give or take')");
    });
  });

  it("a mistake in the form is told beside it", async () => {
    await withPage(farm, { expects: /status of 400 .*\/v1\/queries/ }, async (page) => {
      await page.click('[data-tab="windows"]');
      await page.click("summary:has-text('New standing query')");
      await page.fill("[name=query-name]", "wrong");
      await page.fill(".new-query textarea", "x = nonsense()");
      await page.click(".new-query button:text-is('Add')");
      await page.waitForSelector(".new-query .error:not(:empty)");
    });
  });

  it("a query is made in the form, and removed", async () => {
    await withPage(farm, {}, async (page) => {
      page.on("dialog", (dialog) => void dialog.accept());
      await page.click('[data-tab="windows"]');
      await page.click("summary:has-text('New standing query')");
      await page.fill("[name=query-name]", "kinds");
      await page.fill(".new-query label:has-text('For each of') + input", "kind");
      await page.click(".new-query button:text-is('Add')");
      await page.waitForSelector(".any-query select >> nth=0 >> option:text-is('kinds')", {
        state: "attached",
      });
      const { queries } = await farm.ask("GET", "/v1/queries");
      const made = queries.find(({ name }) => name === "kinds");
      assert.deepEqual(made.definition.select, { crossings: "count()" });
      assert.equal(made.status, "running");
      await page.click(".any-query button.danger");
      await page.waitForSelector(".any-query select >> nth=0 >> option:text-is('kinds')", {
        state: "detached",
      });
    });
  });
});
