// tests/browser/order.test.mjs - answers come when they please: each of these holds one of them back
// and does what a person may do meanwhile. Nothing may be lost, forgotten, or said that is not known.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, PASSWORD, signIn, square, until, visit, withPage } from "./harness.mjs";

/** Holds the first answers back until they are let go; `asked` waits until there are so many. */
async function hold(page, path, count = Infinity) {
  const waiting = [];
  let open;
  const gate = new Promise((resolve) => {
    open = resolve;
  });
  await page.route(path, async (route) => {
    if (waiting.length === count) {
      await route.fallback();
      return;
    }
    const answered = route.fetch().then(async (response) => {
      await gate;
      await route.fulfill({ response });
    });
    waiting.push(answered);
    await answered;
  });
  return {
    asked: (n = 1) => until(`questions for ${path}`, () => waiting.length >= n),
    async letGo() {
      open();
      await Promise.all(waiting);
      await page.unroute(path);
    },
  };
}

/** What has been answered is shown by now. */
const isShown = (page) =>
  page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))));

const nameOf = (page) => page.locator(".fence-form label:has-text('Name') + input");
const scaleOf = (page) => page.textContent(".ol-scale-line-inner");
const save = (page) => page.click(".fence-form button:has-text('Save')");

describe("the order of answers", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.publish(["cow-1", 0, 0, 0], ["cow-2", 0, 120, 120]);
    await until("them", async () => (await farm.ask("GET", "/v1/devices")).devices.length === 2);
  });
  after(() => farm.end());

  it("a map without fences shows all animals, also when their names come first", async () => {
    let held = [];
    const before = async (page) => {
      page.fences = await hold(page, "**/v1/fences?*");
      page.devices = await hold(page, "**/v1/devices?*");
      await page.routeWebSocket("**/v1/live", (socket) => {
        socket.connectToServer().onMessage((message) => {
          const send = () => socket.send(message);
          held && typeof message !== "string" ? held.push(send) : send();
        });
      });
    };
    await withPage(farm, { before }, async (page) => {
      await until("a frame", () => held.length > 0);
      await page.fences.letGo();
      await page.waitForSelector(".hint:has-text('No fence yet')");
      const frames = held;
      held = null;
      frames.forEach((send) => send());
      await page.devices.letGo();
      await until("the farm", async () => /^\d+ m$/.test(await scaleOf(page)));
    });
  });

  describe("with fences", () => {
    before(async () => {
      await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
      await farm.publish(["cow-1", 60, 230, 10]);
      await until("the alert", async () => (await farm.ask("GET", "/v1/alerts")).alerts.length > 0);
    });

    async function drawCircle(page, name) {
      await page.click('[data-draw="circle"]');
      await page.click("button:has-text('Circle at the cross')");
      await nameOf(page).fill(name);
    }

    it("nothing is said to be calm, and nothing to be left to do, before that is known", async () => {
      const before = async (page) => {
        page.alerts = await hold(page, "**/v1/alerts*");
        page.devices = await hold(page, "**/v1/devices?*");
      };
      await withPage(farm, { path: "/#alerts", before }, async (page) => {
        await page.alerts.asked(2);
        assert.equal(await page.textContent(".view .hint:not([hidden])"), "Loading …");
        await page.click('[data-tab="map"]');
        await page.waitForSelector('[data-fence="north"]');
        assert.ok(!(await page.locator("text=First steps").isVisible()));
        await page.devices.letGo();
        await page.alerts.letGo();
        await page.click('[data-tab="alerts"]');
        await page.waitForSelector("li.alert");
      });
    });

    it("an answer for one outline does nothing to another, nor to what has changed since", async () => {
      await withPage(farm, {}, async (page) => {
        page.on("dialog", (dialog) => void dialog.accept());
        const asking = await hold(page, "**/v1/fences/north");
        await page.click('[data-fence="north"] button:has-text("Edit")');
        await asking.asked();
        await drawCircle(page, "First");
        await asking.letGo();
        await isShown(page);
        assert.equal(await nameOf(page).inputValue(), "First");
        const saving = await hold(page, "**/v1/fences", 1);
        await save(page);
        await saving.asked();
        await page.click(".fence-form button:text-is('Cancel')");
        await drawCircle(page, "Second");
        await saving.letGo();
        await page.waitForSelector('.fences strong:text-is("First")', { state: "attached" });
        assert.equal(await nameOf(page).inputValue(), "Second");
        const again = await hold(page, "**/v1/fences", 1);
        await save(page);
        await again.asked();
        await nameOf(page).fill("Second, by the pond");
        await again.letGo();
        await page.waitForSelector('.fences strong:text-is("Second")', { state: "attached" });
        assert.equal(await nameOf(page).inputValue(), "Second, by the pond");
        await save(page);
        await page.waitForSelector('.fences strong:text-is("Second, by the pond")');
        const { features } = await farm.ask("GET", "/v1/fences");
        assert.equal(features.length, 3, "a fence is made twice");
      });
    });

    it("a late track moves no map; a card whose first answer got lost is whole later", async () => {
      const before = (page) => page.clock.install();
      await withPage(farm, { before, expects: /ERR_FAILED/ }, async (page) => {
        await page.click('.animals [data-animal="cow-2"] button');
        await page.click('[data-selected="cow-2"] summary:has-text("Track")');
        const asking = await hold(page, "**/v1/devices/cow-2/track*");
        await page.click("button:has-text('Show track')");
        await asking.asked();
        await page.route("**/v1/devices/cow-1", (route) => route.abort());
        await page.click('.animals [data-animal="cow-1"] button');
        await page.waitForSelector(".notice[data-tone=bad]");
        const scale = await scaleOf(page);
        await asking.letGo();
        await isShown(page);
        assert.equal(await scaleOf(page), scale);
        await page.unroute("**/v1/devices/cow-1");
        await page.clock.fastForward(6000);
        await page.waitForSelector('[data-selected="cow-1"] summary:has-text("Name")');
      });
    });

    it("an old list does not come back; naming a farm that is not there yet keeps the rest", async () => {
      await farm.ask("PUT", "/v1/farm", { name: "Old", map_attribution: "Somebody" });
      const before = async (page) => {
        const isLetGo = new Promise((resolve) => (page.letFarmGo = resolve));
        await page.routeWebSocket("**/v1/live", (socket) => {
          const service = socket.connectToServer();
          service.onMessage(async (message) => {
            if (String(message).includes("map_attribution")) {
              await isLetGo;
            }
            socket.send(message);
          });
        });
        page.users = await hold(page, "**/v1/users", 1);
      };
      await withPage(farm, { path: "/#system", before }, async (page) => {
        await page.users.asked();
        await page.fill("[name=farm]", "New");
        page.letFarmGo();
        await page.waitForSelector("h1:text-is('Old')");
        await page.click("form:has([name=map-url]) button:has-text('Save')");
        await page.waitForSelector("h1:text-is('New')");
        assert.equal((await farm.ask("GET", "/v1/farm")).map_attribution, "Somebody");
        await page.click("summary:has-text('New user')");
        const form = page.locator("details[open]:has(summary:has-text('New user')) form");
        await form.locator("input").first().fill("anna");
        await form.locator("input[type=password]").fill(PASSWORD);
        await form.locator("button").click();
        await page.waitForSelector(".users li:has-text('anna')");
        await page.users.letGo();
        await isShown(page);
        assert.equal(await page.locator(".users li:has-text('anna')").count(), 1);
      });
    });

    it("who has left the live windows before they were known is not sent any", async () => {
      const sent = [];
      const before = async (page) => {
        page.on("websocket", (socket) =>
          socket.on("framesent", ({ payload }) => sent.push(String(payload))));
        page.queries = await hold(page, "**/v1/queries");
      };
      await withPage(farm, { path: "/#windows", before }, async (page) => {
        await page.queries.asked();
        await page.click('[data-tab="map"]');
        await page.queries.letGo();
        await isShown(page);
        assert.ok(sent.length > 0 && sent.every((text) => !text.includes("trending")), sent.join());
      });
    });

    it("a service that is still starting asks nobody for a password whom it knows", async () => {
      const error = { code: "engine.closed", message: "starting" };
      const json = { error };
      const before = async (page) => {
        await page.clock.install();
        await page.route("**/v1/me", (route) => route.fulfill({ status: 503, json }), { times: 1 });
        page.on("response", (answer) => answer.status() === 503 && void page.clock.fastForward(3000));
      };
      await withPage(farm, { before, expects: /status of 503/ }, async (page) => {
        assert.equal(await page.locator("input[name=user]").count(), 0);
      });
    });

    it("queries that could not be asked for come with the service", async () => {
      await withPage(farm, { expects: /net::ERR_/ }, async (page) => {
        await farm.kill();
        await page.waitForSelector(".stale:not([hidden])");
        await page.click('[data-tab="windows"]');
        await farm.run();
        await page.waitForSelector(".any-query option[value='trending']", { state: "attached" });
      });
    });

    it("who signs out is not told that the session ended by itself", async () => {
      await visit(farm, {}, async (page) => {
        await signIn(page);
        const left = new Promise((resolve) => {
          void page.route("**/v1/logout", (route) => resolve(route.fetch()));
        });
        await page.click(".settings");
        await page.click("text=Sign out");
        await left;
        // The answer does not come; something else tells the page.
        await page.evaluate(() => void setTimeout(() =>
          document.dispatchEvent(new Event("visibilitychange"))));
        await page.waitForSelector("input[name=user]");
        assert.equal(await page.locator("text=Your session has ended").count(), 0);
      });
    });
  });
});
