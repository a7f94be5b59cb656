// tests/browser/entry.test.mjs - the first password, signing in and out.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, PASSWORD, shot, signIn, visit } from "./harness.mjs";

describe("entry", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start({ isNew: true });
  });
  after(() => farm.end());

  it("a new gateway asks for the first password, and lets its owner in", async () => {
    await visit(farm, {}, async (page) => {
      await page.waitForSelector("input[name=again]");
      await shot(page, "setup");
      await page.fill("input[name=password]", PASSWORD);
      await page.fill("input[name=again]", "another one than that");
      await page.click("button.primary");
      await page.waitForSelector(".error:has-text('differ')");
      await page.fill("input[name=again]", PASSWORD);
      await page.click("button.primary");
      await page.waitForSelector('.status[data-link="live"]');
      await page.waitForSelector("text=First steps");
      await shot(page, "first-map");
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
      await page.click("text=Settings");
      await page.click("text=Sign out");
      await page.waitForSelector("input[name=password]");
    });
  });

  it("languages and units are kept on the device", async () => {
    await visit(farm, {}, async (page) => {
      await page.waitForSelector("input[name=user]");
      await signIn(page);
      await page.click("text=Settings");
      await page.selectOption("dialog select >> nth=0", "sv");
      await page.waitForSelector('[data-tab="alerts"]:has-text("Larm")');
      await page.click("text=Inställningar");
      await page.selectOption("dialog select >> nth=0", "de");
      await page.waitForSelector('[data-tab="alerts"]:has-text("Meldungen")');
      await page.click("text=Einstellungen");
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
