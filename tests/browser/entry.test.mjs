// tests/browser/entry.test.mjs - the first password, signing in and out.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Farm, PASSWORD, shot, signIn, square, until, visit, withPage } from "./harness.mjs";

describe("entry", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start({ isNew: true });
  });
  after(() => farm.end());

  it("a new gateway asks for the first password, and lets its owner in", async () => {
    // The service has printed a link whose code is good for this once.
    const link = new URL(readFileSync(join(farm.data, "local-setup"), "utf8").trim());
    await visit(farm, { path: `/${link.hash}` }, async (page) => {
      await page.waitForSelector("input[name=again]");
      await shot(page, "setup");
      await page.fill("input[name=farm]", "Björkö");
      await page.fill("input[name=password]", PASSWORD);
      await page.fill("input[name=again]", "another one than that");
      await page.click("button.primary");
      await page.waitForSelector(".error:has-text('differ')");
      await page.fill("input[name=again]", PASSWORD);
      await page.click("button.primary");
      await page.waitForSelector('.status[data-link="live"]');
      await page.waitForSelector("text=First steps");
      await page.waitForSelector("h1:text-is('Björkö')");
      await until("the title", async () => (await page.title()) === "Björkö Hedgerow");
      await shot(page, "first-map");
      assert.match(await page.textContent(".steps li:has-text('has a name')"), /^✓/);
      assert.match(await page.textContent(".steps li:has-text('first fence')"), /^○/);
      // On an empty map one goes where the farm is.
      await page.fill("[name=go]", "59.85° N, 16.37° E");
      await page.click("button:has-text('Go there')");
      await until("the place", async () =>
        /^\d+ m$/.test(await page.textContent(".ol-scale-line-inner")));
      farm.cookie = await farm.logIn("owner");
    });
  });

  it("a wrong password is told, the right one lets in, signing out ends it", async () => {
    await visit(farm, {}, async (page) => {
      await page.waitForSelector("input[name=user]");
      assert.equal(await page.locator("input[name=again]").count(), 0);
      await page.fill("input[name=user]", "owner");
      await page.fill("input[name=password]", "not the password");
      await page.click("button.primary");
      await page.waitForSelector(".error:has-text('wrong')");
      await signIn(page);
      await page.click(".settings");
      await page.click("text=Sign out");
      await page.waitForSelector("input[name=password]");
    });
  });

  it("a one-time link lets in once", async () => {
    const { code } = await farm.ask("POST", "/v1/login-link", {});
    await visit(farm, { path: `/#login=${code}` }, async (page) => {
      await page.waitForSelector('.status[data-link="live"]');
      assert.ok(!page.url().includes(code), "the code stays in the address");
    });
    await visit(farm, { path: `/#login=${code}` }, async (page) => {
      await page.waitForSelector("input[name=user]");
    });
  });

  it("lengths and areas are in the units of one's choice", async () => {
    await farm.ask("POST", "/v1/fences", square("acre", "Acre", 100));
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="acre"]:has-text(" ha")');
      const hectares = parseFloat(/([\d.]+) ha/.exec(await page.textContent('[data-fence="acre"]'))[1]);
      assert.ok(Math.abs(hectares - 4) < 0.05, hectares);
      await page.click(".settings");
      await page.selectOption("dialog select >> nth=1", "imperial");
      await page.waitForSelector('[data-fence="acre"]:has-text("acres")');
      const acres = parseFloat(/([\d.]+) acres/.exec(await page.textContent('[data-fence="acre"]'))[1]);
      assert.ok(Math.abs(acres - hectares * 2.47105) < 0.05, acres);
      await page.click('[data-fence="acre"] button.item');
      await page.waitForSelector('[data-selected="acre"]:has-text(" ft")');
      assert.match(await page.textContent(".ol-scale-line-inner"), /ft|mi/);
    });
    await farm.ask("DELETE", "/v1/fences/acre", undefined, { "If-Match": "*" });
  });

  it("languages and units are kept on the device", async () => {
    await visit(farm, {}, async (page) => {
      await page.waitForSelector("input[name=user]");
      await signIn(page);
      await page.click(".settings");
      await page.selectOption("dialog select >> nth=0", "sv");
      await page.waitForSelector('[data-tab="alerts"]:has-text("Larm")');
      await page.click(".settings:has-text('Inställningar')");
      await page.selectOption("dialog select >> nth=0", "de");
      await page.waitForSelector('[data-tab="alerts"]:has-text("Meldungen")');
      await page.click(".settings:has-text('Einstellungen')");
      await page.selectOption("dialog select >> nth=2", "dark");
      await page.click("dialog .primary");
      await shot(page, "map-german-dark");
    });
  });

  it("a gateway is let in with a QR code, and shut out again", async () => {
    await visit(farm, {}, async (page) => {
      page.on("dialog", (dialog) => void dialog.accept());
      await page.waitForSelector("input[name=user]");
      await signIn(page);
      await page.click('[data-tab="system"]');
      await page.click("summary:has-text('Let a gateway in')");
      await page.fill("details[open] input", "barn");
      await page.click("details[open] button:has-text('Add')");
      await page.waitForSelector('[data-gateway-made="barn"] canvas');
      await shot(page, "gateway");
      await page.click('[data-gateway="barn"] button');
      await page.waitForSelector('[data-gateway="barn"]', { state: "detached" });
    });
  });
});
