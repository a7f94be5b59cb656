// tests/browser/roles.test.mjs - who only looks changes nothing; users and tokens come and go.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, PASSWORD, shot, square, withPage } from "./harness.mjs";

describe("roles", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    for (const role of ["viewer", "editor"]) {
      await farm.ask("POST", "/v1/users", { user: role, password: PASSWORD, role });
    }
    await farm.publish(["cow-1", 0, 0, 0], ["cow-1", 60, 230, 10]);
  });
  after(() => farm.end());

  it("a viewer sees everything, is told that it is only to look at, and can change nothing", async () => {
    await withPage(farm, { as: "viewer" }, async (page) => {
      await page.waitForSelector(".fences .hint, section:has(.fences) .hint:has-text('nothing')");
      await page.waitForSelector('[data-escaped="cow-1"]');
      assert.equal(await page.locator("[data-draw]").count(), 0);
      assert.equal(await page.locator("button:has-text('Edit')").count(), 0);
      assert.equal(await page.locator("input[type=file]").count(), 0);
      await page.click('[data-escaped="cow-1"] button');
      await page.waitForSelector('[data-selected="cow-1"] dl');
      assert.equal(await page.locator("summary:has-text('Name and herds')").count(), 0);
      await page.click('[data-tab="alerts"]');
      await page.waitForSelector("li.alert:has-text('left North paddock')");
      assert.equal(await page.locator("button:has-text('Acknowledge')").count(), 0);
      await page.click('[data-tab="windows"]');
      await page.waitForSelector("[data-card=now]");
      assert.equal(await page.locator(".new-query, .any-query button").count(), 0);
      await page.click('[data-tab="system"]');
      await page.waitForSelector("h2:has-text('Tokens')");
      for (const title of ["Users", "Gateways", "The farm"]) {
        assert.equal(await page.locator(`h2:has-text("${title}")`).count(), 0, title);
      }
      await shot(page, "viewer");
    });
  });

  it("an editor changes fences, and does not let anybody in", async () => {
    await withPage(farm, { as: "editor" }, async (page) => {
      await page.waitForSelector('[data-draw="polygon"]');
      await page.click('[data-tab="system"]');
      await page.waitForSelector("h2:has-text('Tokens')");
      assert.equal(await page.locator("h2:has-text('Users')").count(), 0);
    });
  });

  it("an owner adds a user and a token, and removes them", async () => {
    await withPage(farm, {}, async (page) => {
      page.on("dialog", (dialog) => void dialog.accept());
      await page.click('[data-tab="system"]');
      const users = page.locator("section:has(> h2:text-is('Users'))");
      const add = users.locator("> details");
      await add.locator("summary").click();
      await add.locator("input >> nth=0").fill("anna");
      await add.locator("input >> nth=1").fill(PASSWORD);
      await add.locator("select").selectOption("editor");
      await add.locator("button:has-text('Add')").click();
      await users.locator("li:has-text('anna')").waitFor();
      assert.ok(await farm.logIn("anna"));
      await users.locator("select[aria-label='Role of anna']").selectOption("viewer");
      await page.waitForSelector(".notice:has-text('anna is now: Viewer')");
      const { users: all } = await farm.ask("GET", "/v1/users");
      assert.equal(all.find(({ user }) => user === "anna").role, "viewer");
      await users.locator("button[aria-label='Remove anna']").click();
      await users.locator("li:has-text('anna')").waitFor({ state: "detached" });
      const tokens = page.locator("section:has(> h2:has-text('Tokens'))");
      await tokens.locator("summary").click();
      await tokens.locator("input").fill("weather");
      await tokens.locator("select >> nth=1").selectOption("30");
      await tokens.locator("button:has-text('Add')").click();
      const secret = await tokens.locator("code.secret").textContent();
      const asked = () =>
        fetch(`${farm.url}/v1/fences`, { headers: { Authorization: `Bearer ${secret}` } });
      assert.equal((await asked()).status, 200);
      await tokens.locator("li:has-text('weather'):has-text('until')").waitFor();
      await tokens.locator("button[aria-label='Remove the token weather']").click();
      await tokens.locator("li:has-text('weather')").waitFor({ state: "detached" });
      assert.equal((await asked()).status, 401);
    });
  });

  it("an owner gives somebody a new password, and the old one's sessions end", async () => {
    const fresh = "another long enough one";
    await farm.ask("POST", "/v1/users", { user: "bob", password: PASSWORD, role: "editor" });
    const cookie = await farm.logIn("bob");
    const asBob = async () =>
      (await fetch(`${farm.url}/v1/me`, { headers: { Cookie: cookie } })).status;
    assert.equal(await asBob(), 200);
    await withPage(farm, { locale: "sv-SE", expects: /status of 400/ }, async (page) => {
      await page.click('[data-tab="system"]');
      const row = page.locator(".users li:has-text('bob')");
      await row.locator("summary").click();
      // What the service refuses is said in the reader's language; nothing has changed.
      await row.locator("input[type=password]").fill("short");
      await row.locator("button.primary").click();
      await page.waitForSelector(".notice:has-text('Ett lösenord har 8 till')");
      assert.equal(await asBob(), 200);
      await row.locator("input[type=password]").fill(fresh);
      await shot(page, "password-reset");
      await row.locator("button.primary").click();
      await page.waitForSelector(".notice:has-text('bob har ett nytt lösenord')");
      assert.equal(await row.locator("input[type=password]").inputValue(), "");
      assert.equal(await row.locator("details").getAttribute("open"), null);
      // One's own is changed with the old one, elsewhere.
      assert.equal(await page.locator(".users li:has-text('owner') summary").count(), 0);
    });
    assert.equal(await asBob(), 401);
    const logIn = async (password) => {
      const body = JSON.stringify({ user: "bob", password });
      const headers = { "Content-Type": "application/json" };
      return (await fetch(`${farm.url}/v1/login`, { method: "POST", headers, body })).status;
    };
    assert.equal(await logIn(fresh), 200);
    assert.equal(await logIn(PASSWORD), 401);
  });
});
