// tests/browser/past.test.mjs - events and alerts below what the page loads at first.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, shot, square, until, withPage } from "./harness.mjs";

const COWS = 7;
const ROUNDS = 150; // out and in again, each an event of its own

/** All of them go out and in, round after round, more often than a second. */
async function roam(farm, from, rounds) {
  const fixes = [];
  for (let i = 0; i < rounds; i++) {
    for (let cow = 0; cow < COWS; cow++) {
      fixes.push([`cow-${cow}`, from + i, (i + cow) % 2 === 0 ? 0 : 58, 0]);
    }
  }
  await farm.publish(...fixes);
}

const truth = async (farm, more = "") => {
  const { events } = await farm.ask("GET", `/v1/events?limit=10000${more}`);
  return events.map(({ offset }) => String(offset)).reverse();
};

const shown = (page) =>
  page.$$eval("li.alert", (rows) => rows.map((row) => row.dataset.alert));

const button = (page) => page.locator(".more-rows");

/** Presses until there is no more; between two presses `meanwhile` may happen. */
async function goDown(page, meanwhile = async () => {}) {
  for (let i = 0; await button(page).isVisible(); i++) {
    assert.ok(i < 100, "there is no end");
    await meanwhile(i);
    await button(page).click();
    await page.waitForSelector('.more-rows:not([aria-disabled="true"])', { state: "attached" });
  }
}

describe("the past", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 30));
    await roam(farm, 0, ROUNDS);
    await until("the events", async () => (await truth(farm)).length >= COWS * (ROUNDS - 1));
  });
  after(() => farm.end());

  it("every event is reached from the newest down, once, while others arrive", async () => {
    await withPage(farm, { expects: /ERR_FAILED/ }, async (page) => {
      await page.click('[data-tab="alerts"]');
      await page.click('[data-which="events"]');
      await page.locator("li.alert").first().waitFor();
      // A service that is away while older rows are asked for is told, and asked again.
      await page.route("**/v1/events?*", (route) => route.abort());
      while (!(await page.locator(".notice").isVisible())) {
        await button(page).click();
        await page.waitForSelector('.more-rows:not([aria-disabled="true"])');
      }
      await page.unroute("**/v1/events?*");
      let s = ROUNDS;
      await goDown(page, async (i) => {
        if (i % 4 === 0) {
          await roam(farm, s, 2);
          s += 2;
        }
      });
      // What was sent last may still be on its way.
      let wanted = [];
      await until("what arrived last", async () => {
        wanted = await truth(farm);
        return (await shown(page)).join() === wanted.join();
      });
      assert.ok(wanted.length > 1000, `only ${wanted.length} events`);
      await page.waitForSelector("text=That is all that is kept.");
      await page.locator("li.alert").last().scrollIntoViewIfNeeded();
      await shot(page, "events-end");
    });
  });

  it("filters reach as far down; older alerts are acknowledged as new ones are", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="alerts"]');
      await page.locator("li.alert").first().waitFor();
      await goDown(page);
      const alarms = await truth(farm, "&severity=alarm");
      assert.ok(alarms.length > 510);
      assert.deepEqual(await shown(page), alarms);
      const oldest = alarms.at(-1);
      await page.click(`[data-ack="${oldest}"]`);
      await page.waitForSelector(`[data-alert="${oldest}"]`, { state: "detached" });
      const { alerts } = await farm.ask("GET", `/v1/alerts?state=all&before=${Number(oldest) + 1}`);
      assert.equal(alerts[0].acked.user, "owner");
      await page.click('[data-which="events"]');
      await page.selectOption("[aria-label='How serious']", "alarm");
      await page.waitForSelector("li.alert:not(.alarm)", { state: "detached" });
      await goDown(page);
      assert.deepEqual(await shown(page), alarms);
      // What is looked for by name is found wherever it is, and the other rows are not shown.
      await page.selectOption("[aria-label='How serious']", "");
      await page.fill("[aria-label='Search alerts']", "cow-3");
      await page.waitForSelector("li.alert:not(:has-text('cow-3'))", { state: "detached" });
      await goDown(page);
      assert.deepEqual(await shown(page), await truth(farm, "&device=cow-3"));
    });
  });
});
