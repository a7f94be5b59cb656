// tests/browser/lasting.test.mjs - a page that stays open for days: sessions end, roles change, the
// service is killed in the middle of work, clocks are wrong; what somebody drew is not lost.
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ASSETS, Farm, PASSWORD, mapBox, shot, signIn, square, until, withPage } from "./harness.mjs";

const HOUR_MS = 3_600_000;

describe("a page that stays open", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    await farm.ask("POST", "/v1/users", { user: "anna", password: PASSWORD, role: "editor" });
    await farm.publish(["cow-1", 0, 0, 0]);
  });
  after(() => farm.end());

  const corners = async (page) => {
    const measures = page.locator(".measures");
    return (await measures.count()) > 0 ? measures.textContent() : "";
  };

  async function drawSome(page) {
    await page.click('[data-draw="polygon"]');
    const { x, y } = await mapBox(page);
    for (const [dx, dy] of [[150, 150], [350, 150], [350, 350]]) {
      await page.mouse.click(x + dx, y + dy, { delay: 20 });
    }
    await page.waitForSelector(".measures:has-text('ha')");
  }

  it("an outline that is not finished is there again after a reload, and is finished", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      await drawSome(page);
      const before = await corners(page);
      await page.fill(".fence-form label:has-text('Name') + input", "Kept");
      await page.reload();
      await until("the same outline", async () => (await corners(page)) === before);
      await shot(page, "draft-kept");
      // One stays where one is, and twice is as good as once.
      await page.click('[data-tab="system"]');
      for (let i = 0; i < 2; i++) {
        await page.reload();
        await page.waitForSelector(".notice:has-text('not saved yet')");
      }
      await page.click('[data-tab="map"]');
      await until("the same outline once more", async () => (await corners(page)) === before);
      await page.click("button:has-text('Finish')");
      await page.waitForSelector("button:has-text('Add a hole')");
      assert.equal(await page.inputValue(".fence-form label:has-text('Name') + input"), "Kept");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector('.fences strong:text-is("Kept")');
      const { features } = await farm.ask("GET", "/v1/fences");
      const fence = features.find(({ properties }) => properties.name === "Kept");
      assert.equal(fence.geometry.coordinates[0].length, 4);
      await page.reload();
      await page.waitForSelector('[data-fence="north"]');
      assert.equal(await page.locator(".fence-form").count(), 0, "what is saved comes back no more");
    });
  });

  it("a copy of the tab does not save the same drawing a second time unasked", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      await drawSome(page);
      await page.click("button:has-text('Finish')");
      await page.fill(".fence-form label:has-text('Name') + input", "Drawn once");
      const opened = page.context().waitForEvent("page");
      await page.evaluate(() => void open(location.href));
      const copy = await opened;
      const save = ".fence-form button:text-is('Save')";
      await copy.waitForSelector(`${save}:enabled`);
      await page.bringToFront();
      await page.click(save);
      await page.waitForSelector('.fences strong:text-is("Drawn once")');
      await copy.bringToFront();
      await copy.fill(".fence-form label:has-text('Name') + input", "Drawn twice");
      await copy.click(save);
      await copy.waitForSelector(".conflict:not([hidden]):has-text('Drawn once')");
      const named = async () =>
        (await farm.ask("GET", "/v1/fences")).features
          .map(({ properties }) => properties.name)
          .filter((name) => name.startsWith("Drawn"));
      assert.deepEqual(await named(), ["Drawn once"]);
      await copy.click("button:has-text('Save mine')");
      await copy.waitForSelector(".fence-form", { state: "detached" });
      assert.deepEqual(await named(), ["Drawn twice"]);
    });
  });

  it("an animal that the map does not show is as old in the list as it is, and found", async () => {
    await farm.publish(["cow-7", 0, 20, 20, { battery_pct: 80 }]);
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('.animals [data-animal="cow-7"]');
      await page.fill("[name=go]", "10, 10");
      await page.click(".tools form button");
      await page.waitForSelector(".in-view:has-text('in view: 0')");
      const nowS = (Date.now() - farm.startMs) / 1000;
      await farm.publish(["cow-7", nowS, 3000, 3000, { battery_pct: 20 }]);
      await until("the fix", async () =>
        (await farm.ask("GET", "/v1/devices/cow-7")).battery_pct === 20);
      await page.click('[data-tab="animals"]');
      const row = page.locator('.view .animals [data-animal="cow-7"]');
      await row.filter({ hasText: "Battery 20 %" }).waitFor();
      assert.match(await row.textContent(), /\b\d{1,2} s\b/);
      await row.locator("button").click();
      await page.waitForSelector(".in-view:has-text('in view: 1')");
    });
  });

  it("who renames an animal leaves the herds that somebody else gave it meanwhile", async () => {
    await withPage(farm, {}, async (page) => {
      await page.click('.animals [data-animal="cow-1"] button');
      await page.click("[data-selected] summary:has-text('Name')");
      await farm.ask("PATCH", "/v1/devices/cow-1", { groups: ["heifers"] });
      const form = page.locator("[data-selected] details form");
      await form.locator("label:has-text('Name') + input").fill("Rosa");
      await form.locator("button").click();
      await page.waitForSelector(".notice[data-tone='good']");
      const { name, groups } = await farm.ask("GET", "/v1/devices/cow-1");
      assert.deepEqual({ name, groups }, { name: "Rosa", groups: ["heifers"] });
    });
  });

  it("Back leads to the part before; what is drawn is not dropped unasked", async () => {
    await withPage(farm, {}, async (page) => {
      const isAt = (tab) => page.waitForSelector(`[data-tab="${tab}"][aria-current]`);
      await page.click('[data-tab="alerts"]');
      await page.click('[data-tab="system"]');
      await page.goBack();
      await isAt("alerts");
      await page.reload();
      await isAt("alerts");
      await page.goBack();
      await isAt("map");
      await page.goForward();
      await isAt("alerts");
      await page.click('[data-tab="map"]');
      await drawSome(page);
      const asked = [];
      page.on("dialog", (dialog) => {
        asked.push(dialog.message());
        void (asked.length < 3 ? dialog.dismiss() : dialog.accept());
      });
      await page.focus("#map");
      await page.keyboard.press("Escape");
      await page.click(".fence-form button:text-is('Cancel')");
      assert.match(await corners(page), /ha/);
      await page.click(".fence-form button:text-is('Cancel')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      assert.equal(asked.length, 3);
    });
  });

  it("a service killed while one draws and while one saves costs nothing that was drawn", async () => {
    await withPage(farm, { expects: /net::ERR_/ }, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      await page.click('[data-draw="polygon"]');
      const { x, y } = await mapBox(page);
      await page.mouse.click(x + 200, y + 200, { delay: 20 });
      await page.mouse.click(x + 400, y + 200, { delay: 20 });
      await farm.kill();
      await page.waitForSelector(".stale:not([hidden])");
      const below = await mapBox(page); // the banner has moved the map
      await page.mouse.click(below.x + 400, below.y + 400, { delay: 20 });
      await page.click("button:has-text('Finish')");
      await page.fill(".fence-form label:has-text('Name') + input", "Through it all");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form .error:has-text('does not answer')");
      await shot(page, "save-offline");
      await farm.run();
      await page.waitForSelector('.status[data-link="live"]');
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector('.fences strong:text-is("Through it all")');
    });
  });

  it("a page from before an update is renewed where nobody draws, and tells who does", async () => {
    const assets = join(farm.folder, "assets");
    cpSync(ASSETS, assets, { recursive: true });
    const file = join(assets, "index.html");
    writeFileSync(file, readFileSync(file, "utf8").replace(/name="build" content="/, "$&0"));
    rmSync(`${file}.gz`);
    const isOld = (page) => page.evaluate(() => globalThis.isOld === true);
    await withPage(farm, { expects: /net::ERR_/ }, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      const other = await page.context().newPage();
      await other.goto(farm.url);
      await other.waitForSelector('.status[data-link="live"]');
      await Promise.all([page, other].map((each) => each.evaluate(() => (globalThis.isOld = true))));
      await page.bringToFront();
      await drawSome(page);
      const before = await corners(page);
      await farm.stop("SIGTERM");
      farm.flags = ["--assets", assets];
      await farm.run();
      await until("the other page renewed", async () => !(await isOld(other).catch(() => true)));
      await page.waitForSelector(".old:not([hidden])");
      await shot(page, "old-page");
      assert.ok(await isOld(page));
      await page.click(".old button");
      await until("the new page", async () => !(await isOld(page).catch(() => true)));
      await until("the same outline", async () => (await corners(page)) === before);
      assert.ok(!(await page.locator(".old").isVisible()));
    });
  });

  it("a role that changes is followed; who drew finds the fence again, and nobody else", async () => {
    await withPage(farm, { as: "anna" }, async (page) => {
      await page.waitForSelector('[data-fence="north"]');
      await drawSome(page);
      const before = await corners(page);
      await farm.ask("PATCH", "/v1/users/anna", { role: "viewer" });
      // A new role begins with a new session.
      await page.waitForSelector("input[name=user]");
      await page.waitForSelector("text=Your session has ended");
      await shot(page, "session-ended");
      await farm.ask("PATCH", "/v1/users/anna", { role: "editor" });
      await signIn(page, "owner");
      await page.waitForSelector('[data-fence="north"]');
      assert.equal(await page.locator(".fence-form").count(), 0);
      const other = await page.context().newPage();
      await other.goto(farm.url);
      await other.waitForSelector('.status[data-link="live"]');
      await other.click(".settings");
      await other.click("text=Sign out");
      // It ends in both tabs; this one looks when it comes to the front again.
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await page.waitForSelector("input[name=user]");
      await signIn(page, "anna");
      await until("the same outline", async () => (await corners(page)) === before);
    });
  });

  it("a browser whose clock is an hour behind tells true ages, and tracks to the end", async () => {
    const skew = (page) =>
      page.addInitScript((ms) => {
        const own = Date.now;
        Date.now = () => own() - ms;
      }, HOUR_MS);
    const nowS = (Date.now() - farm.startMs) / 1000;
    await farm.publish(["cow-2", nowS - 60, 20, 20], ["cow-2", nowS - 30, 25, 20],
      ["cow-2", nowS - 2, 30, 20]);
    await farm.heardOf("cow-2", nowS - 2);
    await withPage(farm, { before: skew }, async (page) => {
      const row = page.locator('.animals [data-animal="cow-2"]');
      await row.waitFor();
      assert.match(await row.textContent(), /\d+ s$/);
      await row.locator("button").click();
      const age = page.locator('[data-selected="cow-2"] dd').first();
      await age.waitFor();
      assert.match(await age.textContent(), /^[1-9]\d* s$/);
      await page.click('[data-selected="cow-2"] summary:has-text("Track")');
      await page.selectOption('[data-selected="cow-2"] select', "1");
      await page.click("button:has-text('Show track')");
      await page.waitForSelector("text=Positions: 3");
    });
  });
});
