// tests/browser/alerts.test.mjs - an animal crosses a fence; the alert arrives, is acknowledged.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, mapBox, shot, square, until, withPage } from "./harness.mjs";

/** Whether the layer of animals lies on the map and has something at that place of it. */
const isPainted = (page, x, y) =>
  page.$eval(
    '.animals-canvas[aria-hidden="true"]',
    (canvas, [px, py]) => {
      const box = canvas.getBoundingClientRect();
      const map = document.querySelector("#map").getBoundingClientRect();
      if (box.left !== map.left || box.top !== map.top || box.width !== map.width) {
        throw new Error(`the layer lies at ${box.left} ${box.top}`);
      }
      const ratio = canvas.width / box.width;
      return canvas.getContext("2d").getImageData(px * ratio, py * ratio, 1, 1).data[3] > 0;
    },
    [x, y],
  );

describe("alerts", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    await farm.ask("POST", "/v1/fences",
      square("pond", "Pond", 40, { intent: "keep-out" }, [400, 0]));
    await farm.publish(["cow-1", 0, 0, 0], ["cow-2", 0, 40, 30], ["cow-3", 0, -50, 60]);
  });
  after(() => farm.end());

  it("an animal is seen to leave; the alert arrives, stays on top, and is acknowledged", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      await page.waitForSelector('.animals [data-animal="cow-1"]');
      await shot(page, "map");
      await farm.publish(["cow-1", 60, 100, 0], ["cow-1", 100, 230, 10]);
      await page.waitForSelector('[data-escaped="cow-1"]');
      // For those who do not see it.
      const spoken = page.getByRole("alert").filter({ hasText: "Alarm: cow-1 left North paddock" });
      await spoken.waitFor();
      await shot(page, "map-escaped");
      await page.click('[data-tab="alerts"]');
      const alert = page.locator("li.alert.alarm", { hasText: "cow-1 left North paddock" });
      await alert.waitFor();
      await shot(page, "alerts");
      await alert.locator("button:has-text('Acknowledge')").click();
      await alert.waitFor({ state: "detached" });
      const { alerts } = await farm.ask("GET", "/v1/alerts?state=all");
      assert.equal(alerts.length, 1);
      assert.equal(alerts[0].acked.user, "owner");
      await page.click('[data-which="all"]');
      await page.waitForSelector("li.alert .acked:has-text('owner')");
      assert.ok(await page.locator(".escaped li").isVisible());
      // Out is out, also for a page that has just been opened.
      await page.reload();
      await page.waitForSelector('[data-escaped="cow-1"]');
      await farm.publish(["cow-1", 160, 60, 0]);
      await until("being back", async () => !(await page.locator(".escaped").isVisible()));
    });
  });

  it("what somebody else acknowledges is seen at once", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="alerts"]');
      await farm.publish(["cow-2", 60, 300, 0], ["cow-2", 90, 400, 0]);
      const alert = page.locator("li.alert", { hasText: "cow-2 entered Pond" });
      await alert.waitFor();
      const { alerts } = await farm.ask("GET", "/v1/alerts");
      const { alert: offset } = alerts.find((a) => a.event.fence === "pond");
      await farm.ask("POST", `/v1/alerts/${offset}/ack`, {});
      await alert.waitFor({ state: "detached" });
    });
  });

  it("an alarm is heard and notified where one has asked for it, once", async () => {
    const options = {
      permissions: ["notifications"],
      before: (page) =>
        page.addInitScript(() => {
          globalThis.tones = 0;
          globalThis.notes = [];
          const start = OscillatorNode.prototype.start;
          OscillatorNode.prototype.start = function (...rest) {
            globalThis.tones++;
            return start.apply(this, rest);
          };
          globalThis.Notification = class {
            static permission = "granted";
            static requestPermission = async () => "granted";
            constructor(title, { body }) {
              globalThis.notes.push(`${title}: ${body}`);
            }
          };
        }),
    };
    await withPage(farm, options, async (page) => {
      await farm.publish(["cow-5", 200, 10, 10]);
      await page.waitForSelector('.animals [data-animal="cow-5"]');
      await page.click(".settings");
      await page.check("label:has-text('Sound at alarms') input");
      await page.check("label:has-text('Show alerts as notifications') input");
      await until("the worker that phones need", () =>
        page.evaluate(async () => Boolean(await navigator.serviceWorker.getRegistration())));
      await page.click("dialog .primary");
      await farm.publish(["cow-5", 260, 230, 10]);
      await page.waitForSelector('[data-escaped="cow-5"]');
      await until("the notification", () => page.evaluate(() => globalThis.notes.length > 0));
      assert.deepEqual(await page.evaluate(() => globalThis.notes),
        ["Hedgerow: cow-5 left North paddock"]);
      assert.equal(await page.evaluate(() => globalThis.tones), 3);
      // What comes twenty minutes late is no alarm any more.
      await farm.publish(["cow-8", -1200, 0, 0], ["cow-8", -1140, 9, 9], ["cow-8", -1080, 240, 0]);
      await until("the late event", async () => {
        const { events } = await farm.ask("GET", "/v1/events?device=cow-8&kind=exit");
        return events[0]?.late;
      });
      await farm.publish(["cow-5", 290, 0, 10]);
      await page.waitForSelector('[data-escaped="cow-5"]', { state: "detached" });
      assert.equal(await page.evaluate(() => globalThis.notes.length), 1);
    });
  });

  it("what is late stands apart and makes no alarm; the inbox is filtered", async () => {
    // Twenty minutes old when they come.
    await farm.publish(["cow-6", -1200, 0, 0], ["cow-6", -1140, 0, 20], ["cow-6", -1080, 240, 0]);
    await farm.publish(["cow-7", 200, 0, 0], ["cow-7", 240, 145, 0]);
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="alerts"]');
      await page.click('[data-which="late"]');
      const late = page.locator("li.alert", { hasText: "cow-6 left North paddock" });
      await late.waitFor();
      assert.match(await late.textContent(), /arrived late/);
      assert.equal(await late.locator("button:has-text('Acknowledge')").count(), 0);
      assert.equal(await page.locator('[data-escaped="cow-6"]').count(), 0);
      await page.click('[data-which="all"]');
      assert.equal(await page.locator("li.alert:has-text('cow-6')").count(), 0);
      await page.click('[data-which="events"]');
      await page.selectOption("[aria-label='How serious']", "alarm");
      await until("alarms alone", async () =>
        (await page.locator("li.alert.alarm").count()) > 0 &&
        (await page.locator("li.alert:not(.alarm)").count()) === 0);
      await page.selectOption("[aria-label='How serious']", "info");
      await page.locator("li.alert.info").first().waitFor();
      assert.equal(await page.locator("li.alert:not(.info)").count(), 0);
      await page.selectOption("[aria-label='How serious']", "");
      await page.fill("[aria-label='Search alerts']", "pond");
      await until("the pond alone", async () =>
        (await page.locator("li.alert").count()) > 0 &&
        (await page.locator("li.alert:not(:has-text('Pond'))").count()) === 0);
    });
  });

  it("an animal of the simulator leaves its paddock by itself, and the page tells", async () => {
    await farm.simulate([
      "period_s 0.5",
      "gps 1.5 0 20",
      "escapes_s 2",
      "fence sim-paddock keep-in Simulated_paddock polygon 800 0 880 0 880 80 800 80",
      "herd goat 12 sim-paddock",
    ]);
    await farm.ask("POST", "/v1/fences/import", await farm.simulatedFences());
    await withPage(farm, {}, async (page) => {
      const escaped = page.locator('[data-escaped^="goat"]:has-text("Simulated paddock")').first();
      await escaped.waitFor({ state: "attached" });
      await shot(page, "simulated");
    });
  });

  it("all that is shown is acknowledged at once, after a question", async () => {
    await farm.publish(["cow-9", 100, 0, 0], ["cow-9", 160, 240, 0], ["cow-9", 220, 0, 0]);
    await farm.publish(["cow-10", 100, 0, 0], ["cow-10", 160, 240, 0], ["cow-10", 220, 0, 0]);
    await farm.publish(["cow-11", 100, 0, 0], ["cow-11", 160, 240, 0], ["cow-11", 220, 0, 0]);
    await withPage(farm, {}, async (page) => {
      page.on("dialog", (dialog) => void dialog.accept());
      await page.click('[data-tab="alerts"]');
      for (const device of ["cow-9", "cow-10", "cow-11"]) {
        await page.waitForSelector(`li.alert:has-text('${device} left')`);
      }
      await page.fill("[aria-label='Search alerts']", "cow-9");
      await page.waitForSelector("li.alert:has-text('cow-10')", { state: "detached" });
      assert.ok(!(await page.locator(".ack-all").isVisible()), "one alert has a button of its own");
      await page.fill("[aria-label='Search alerts']", "cow-");
      // By keyboard one goes from row to row, without beginning at the top each time.
      const first = await page.locator("[data-ack]").first().getAttribute("data-ack");
      await page.focus(`[data-ack="${first}"]`);
      await page.keyboard.press("Enter");
      await page.waitForSelector(`[data-ack="${first}"]`, { state: "detached" });
      assert.ok(await page.evaluate(() => document.activeElement.dataset.ack));
      await page.click(".ack-all");
      await page.waitForSelector("li.alert", { state: "detached" });
      const { alerts } = await farm.ask("GET", "/v1/alerts?state=open&limit=500");
      assert.equal(alerts.filter(({ event }) => event.device.startsWith("cow-")).length, 0);
    });
  });

  it("an alert is shown on the map, and an animal's card tells of it", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('[data-tab="alerts"]');
      await page.click('[data-which="events"]');
      await page.locator("li.alert", { hasText: "cow-1 left" }).first()
        .locator("button:has-text('Show on map')").click();
      await page.waitForSelector('[data-selected="cow-1"] dl');
      await page.click('[data-selected="cow-1"] summary:has-text("Track")');
      await page.click("button:has-text('Show track')");
      await page.waitForSelector("text=Positions: ");
      await page.waitForSelector('[data-stay="north"]:has-text("Visits")');
      await shot(page, "animal-track");
      await page.check("label:has-text('Heat map') input");
      await shot(page, "animal-heat");
    });
  });

  it("an animal is chosen by a click on the map", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('.animals [data-animal="cow-3"]');
      await page.click('.animals [data-animal="cow-3"] button');
      await page.click("[data-selected='cow-3'] button:has-text('Show on map')");
      const { x, y, width, height } = await mapBox(page);
      await until("the animal in the middle", async () =>
        (await isPainted(page, width / 2, height / 2)) &&
        !(await isPainted(page, width / 2, height / 2 - 60)));
      await page.click("[data-selected='cow-3'] button:has-text('Close')");
      await page.mouse.click(x + width / 2, y + height / 2);
      await page.waitForSelector('[data-selected="cow-3"]');
      await page.click('[data-tab="animals"]');
      await page.waitForSelector('.view .animals [data-animal="cow-1"]');
      await shot(page, "animals");
      await page.click('[data-tab="system"]');
      await page.waitForSelector("text=Everything is well");
      await shot(page, "system");
    });
  });
});
