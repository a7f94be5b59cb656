// tests/browser/recover.test.mjs - the service is killed; the page says so, and loses nothing.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, shot, square, until, withPage } from "./harness.mjs";

describe("recovery", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150, { intent: "info" }));
  });
  after(() => farm.end());

  /** There and back again: one event each way. */
  const walk = (device, s) => farm.publish(
    [device, s, 0, 0], [device, s + 40, 260, 0], [device, s + 80, 0, 0],
  );

  const shown = (page) =>
    page.$$eval("li.alert", (rows) => rows.map((row) => Number(row.dataset.alert)));
  const stored = async () =>
    (await farm.ask("GET", "/v1/events?limit=1000")).events.map((event) => event.offset);

  it("the page recovers from a killed service with no event lost or shown twice", async () => {
    await withPage(farm, { expects: /net::ERR_/ }, async (page) => {
      await page.click('[data-tab="alerts"]');
      await page.click('[data-which="events"]');
      await walk("cow-1", 0);
      await until("three events", async () => (await shown(page)).length === 3);
      await farm.kill();
      await page.waitForSelector(".stale:not([hidden])");
      await shot(page, "stale");
      // These wait in the gateway's outbox, and come while the page does not listen yet.
      await walk("cow-2", 0);
      await farm.run();
      await page.waitForSelector('.status[data-link="live"]');
      await page.waitForSelector(".stale", { state: "hidden" });
      await walk("cow-3", 0);
      await until("nine events", async () => (await stored()).length === 9);
      await until("all of them here", async () => (await shown(page)).length >= 9);
      const here = await shown(page);
      assert.deepEqual(here, [...new Set(here)], "shown twice");
      assert.deepEqual([...here].sort((a, b) => a - b), await stored());
      await page.waitForSelector('.status[data-link="live"]');
    });
  });
});
