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

  it("a query is made in the form, and removed", async () => {
    await withPage(farm, {}, async (page) => {
      page.on("dialog", (dialog) => void dialog.accept());
      await page.click('[data-tab="windows"]');
      await page.click("summary:has-text('New standing query')");
      await page.fill("[name=query-name]", "kinds");
      await page.fill(".new-query label:has-text('For each of') + input", "kind");
      await page.click(".new-query button:has-text('Add')");
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
