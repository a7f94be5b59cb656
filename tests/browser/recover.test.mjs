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

  it("on a phone, what cannot be saved or known is told where one looks", async () => {
    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    await withPage(farm, { ...phone, expects: /net::ERR_/ }, async (page) => {
      await page.click('[data-fence="north"] button:has-text("Edit")');
      await page.locator(".fence-form button:has-text('Save')").scrollIntoViewIfNeeded();
      await farm.kill();
      await page.waitForSelector(".stale:not([hidden])");
      await page.click(".fence-form button:has-text('Save')");
      const error = page.locator(".fence-form .error:has-text('does not answer')");
      await error.waitFor();
      const isSeen = () => error.evaluate((element) => {
        const box = element.getBoundingClientRect();
        const corners = [[box.left + 5, box.top + 5], [box.left + 5, box.bottom - 5]];
        return corners.every(([x, y]) => element.contains(document.elementFromPoint(x, y)));
      });
      await until("the error to be seen whole", isSeen);
      await shot(page, "phone-save-failed");
      await page.click('.tabs [data-tab="system"]');
      await page.waitForSelector(".health:has-text('Not known')");
      assert.equal(await page.locator(".users li").count(), 0);
      await farm.run();
      // Nobody touches the page.
      await page.waitForSelector(".users li");
      await page.waitForSelector(".health:has-text('Everything is well')");
    });
  });
});
