// tests/browser/edit.test.mjs - a fence is changed, undone, restored; two people at the same fence.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { Farm, PASSWORD, mapBox, shot, square, until, withPage } from "./harness.mjs";

describe("editing", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
  });
  after(() => farm.end());

  const ringOf = async (id) =>
    (await farm.ask("GET", `/v1/fences/${id}`)).geometry.coordinates[0];

  async function open(page, id) {
    await page.click(`[data-fence="${id}"] button:has-text("Edit")`);
    await page.waitForSelector("button:has-text('Add a hole')");
  }

  /** Where a corner is on the screen, by the place of the fence in the middle of the map. */
  async function dragCorner(page) {
    const { x, y, width, height } = await mapBox(page);
    const side = Math.min(width - 96, height - 112) / 2;
    const [cx, cy] = [x + width / 2, y + 48 + (height - 112) / 2];
    await page.mouse.move(cx + side, cy - side);
    await page.mouse.down();
    await page.mouse.move(cx + side / 2, cy - side / 2, { steps: 5 });
    await page.mouse.up();
  }

  it("a corner is dragged, undone, redone, and saved", async () => {
    await farm.ask("POST", "/v1/fences", square("one", "One", 300));
    await withPage(farm, {}, async (page) => {
      await open(page, "one");
      const before = await page.textContent(".measures");
      await dragCorner(page);
      await until("a change", async () => (await page.textContent(".measures")) !== before);
      const changed = await page.textContent(".measures");
      await shot(page, "edit");
      await page.click("button:has-text('Undo')");
      assert.equal(await page.textContent(".measures"), before);
      await page.click("button:has-text('Redo')");
      assert.equal(await page.textContent(".measures"), changed);
      await page.focus("#map");
      await page.keyboard.press("Control+z");
      assert.equal(await page.textContent(".measures"), before);
      await page.keyboard.press("Control+Shift+z");
      assert.equal(await page.textContent(".measures"), changed);
      const old = await ringOf("one");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      const now = await ringOf("one");
      assert.equal(now.length, old.length);
      assert.notDeepEqual(now, old);
    });
  });

  it("an older version is restored", async () => {
    await withPage(farm, {}, async (page) => {
      await open(page, "one");
      await page.click("summary:has-text('Version history')");
      await page.click(".versions button:has-text('Restore')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      const wanted = square("one", "One", 300).geometry.coordinates[0];
      const ring = await ringOf("one");
      ring.flat().forEach((part, i) => assert.ok(Math.abs(part - wanted.flat()[i]) < 1e-6));
    });
  });

  it("the second of two people is told, is shown both, and decides", async () => {
    await farm.ask("POST", "/v1/fences", square("two", "Two", 200));
    await farm.ask("POST", "/v1/users", { user: "anna", password: PASSWORD, role: "editor" });
    await withPage(farm, {}, async (page) => {
      await open(page, "two");
      const name = page.locator(".fence-form label:has-text('Name') + input");
      await name.fill("Mine");
      await withPage(farm, { as: "anna" }, async (other) => {
        await open(other, "two");
        await other.fill(".fence-form label:has-text('Name') + input", "Theirs");
        await other.click(".fence-form button:has-text('Save')");
        await other.waitForSelector('.fences strong:text-is("Theirs")');
      });
      await page.click("summary:has-text('More: herds')");
      await page.locator("label:has-text('Ends at')").scrollIntoViewIfNeeded();
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".conflict:has-text('anna'):has-text('Theirs')");
      const panel = await page.locator("#panel").boundingBox();
      assert.ok((await page.locator(".conflict").boundingBox()).y >= panel.y, "it is out of sight");
      await name.fill(" ");
      await page.click("button:has-text('Save mine over it')");
      await page.waitForSelector(".notice:has-text('needs a name')");
      await name.fill("Mine");
      await shot(page, "conflict");
      assert.equal((await farm.ask("GET", "/v1/fences/two")).properties.name, "Theirs");
      await page.click("button:has-text('Save mine over it')");
      await page.waitForSelector('.fences strong:text-is("Mine")');
      assert.equal((await farm.ask("GET", "/v1/fences/two")).properties.name, "Mine");
    });
  });

  it("who takes the other's state sees it in the form, and undoes one step at a time", async () => {
    await farm.ask("POST", "/v1/fences", square("both", "Both", 200));
    await withPage(farm, {}, async (page) => {
      await open(page, "both");
      await page.fill(".fence-form label:has-text('Name') + input", "Mine");
      await farm.ask("PATCH", "/v1/fences/both", { properties: { name: "Theirs" } });
      await page.click(".fence-form button:has-text('Save')");
      await page.click("button:has-text('Take theirs')");
      await page.waitForSelector(".conflict", { state: "hidden" });
      assert.equal(await page.inputValue(".fence-form label:has-text('Name') + input"), "Theirs");
      const steps = [await page.textContent(".measures")];
      for (let i = 0; i < 2; i++) {
        await page.click("summary:has-text('Corners as numbers')");
        await page.fill("[aria-label='Latitude 1']", String(59.84 - i / 100));
        await page.keyboard.press("Tab");
        await until("a step", async () => (await page.textContent(".measures")) !== steps[i]);
        steps.push(await page.textContent(".measures"));
        await page.click("summary:has-text('Corners as numbers')");
      }
      await page.focus("#map");
      await page.keyboard.press("Control+z");
      assert.equal(await page.textContent(".measures"), steps[1]);
    });
  });

  it("a fence that somebody has removed meanwhile is put back by who was changing it", async () => {
    await farm.ask("POST", "/v1/fences", square("gone", "Gone", 200));
    await withPage(farm, { expects: /status of 4(04|09)/ }, async (page) => {
      await open(page, "gone");
      await farm.ask("DELETE", "/v1/fences/gone");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form .error:has-text('removed')");
      // Somebody else was faster: that is not written over unasked.
      await farm.ask("POST", "/v1/fences", square("gone", "Back", 100));
      await page.click(".fence-form button:text-is('Save')");
      await page.waitForSelector(".conflict:has-text('Back')");
      await farm.ask("DELETE", "/v1/fences/gone");
      await page.click("button:has-text('Save mine')");
      await page.waitForSelector(".fence-form .error:has-text('removed')");
      await page.click(".fence-form button:text-is('Save')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      assert.equal((await ringOf("gone")).length, 5);
    });
  });

  it("a new fence whose answer got lost is not made twice", async () => {
    await withPage(farm, { expects: /net::ERR_/ }, async (page) => {
      let isHeard = false;
      await page.route("**/v1/fences", async (route) => {
        if (isHeard) {
          await route.continue();
          return;
        }
        isHeard = true;
        await route.fetch();
        await route.abort();
      });
      await page.click('[data-draw="circle"]');
      await page.click("button:has-text('Circle at the cross')");
      await page.fill(".fence-form label:has-text('Name') + input", "Once");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form .error:not(:empty)");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      const { features } = await farm.ask("GET", "/v1/fences");
      assert.equal(features.filter(({ properties }) => properties.name === "Once").length, 1);
    });
  });

  it("times, herds and warnings of a fence are saved and shown again", async () => {
    await farm.ask("POST", "/v1/fences", square("three", "Three", 100));
    await withPage(farm, {}, async (page) => {
      await open(page, "three");
      await page.click("summary:has-text('More')");
      await page.fill("label:has-text('For these herds') + input", "heifers, bulls");
      await page.fill("label:has-text('Tell after a stay') + input", "30");
      await page.fill("label:has-text('Warn when nearer') + input", "15");
      await page.fill("label:has-text('Ends at') + input", "2031-05-06T07:08");
      await page.check("label:has-text('Only at certain hours') input");
      await page.focus('[data-cell="0-0"]');
      for (const key of [...Array(5).fill("ArrowRight"), ...Array(10).fill("ArrowDown"), " "]) {
        await page.keyboard.press(key);
      }
      await shot(page, "fence-form");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      const { properties } = await farm.ask("GET", "/v1/fences/three");
      assert.deepEqual(properties.groups, ["heifers", "bulls"]);
      assert.equal(properties.dwell_s, 1800);
      assert.equal(properties.approach_m, 15);
      assert.match(properties.expires_at, /^2031-05-0[567]T/);
      assert.deepEqual(properties.schedule.weekly, [
        { days: ["mon", "tue", "wed", "thu", "fri"], from: "06:00", to: "20:00" },
        { days: ["sat"], from: "10:00", to: "11:00" },
      ]);
    });
  });

  it("a fence is removed, and fences are imported from a file", async () => {
    await withPage(farm, {}, async (page) => {
      page.on("dialog", (dialog) => void dialog.accept());
      await open(page, "three");
      await page.click(".fence-form button:has-text('Remove'):not(:has-text('corners'))");
      await page.waitForSelector('[data-fence="three"]', { state: "detached" });
      await page.click("summary:has-text('Import and export')");
      await page.setInputFiles("input[type=file]", {
        name: "notes.json",
        mimeType: "application/json",
        buffer: Buffer.from("not JSON"),
      });
      await page.waitForSelector(".notice:has-text('not GeoJSON')");
      const features = [square("a", "From a file", 50), square("b", "Also from it", 60)];
      await page.setInputFiles("input[type=file]", {
        name: "fences.geojson",
        mimeType: "application/geo+json",
        buffer: Buffer.from(JSON.stringify({ type: "FeatureCollection", features })),
      });
      await page.waitForSelector('[data-fence="a"]');
      await page.waitForSelector('[data-fence="b"]');
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.click("a:has-text('Export fences')"),
      ]);
      const exported = JSON.parse(readFileSync(await download.path(), "utf8"));
      assert.ok(["a", "b"].every((id) => exported.features.some((fence) => fence.id === id)));
    });
  });
});
