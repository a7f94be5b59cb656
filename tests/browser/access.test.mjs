// tests/browser/access.test.mjs - without WebGL, on phone and tablet, read by machines for people.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AXE, Farm, keepFigure, shot, signIn, square, until, visit, withPage } from "./harness.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const TABLET = { viewport: { width: 834, height: 1112 }, hasTouch: true };

/** Notes when fences and animals are there to be seen, counted from the request for the page. */
const noteUseful = (page) =>
  page.addInitScript(() => {
    const look = () => {
      if (document.querySelector("[data-fence]") && document.querySelector("[data-animal]")) {
        globalThis.useful_ms = performance.now();
      } else {
        requestAnimationFrame(look);
      }
    };
    requestAnimationFrame(look);
  });

async function violations(page) {
  await page.addScriptTag({ path: AXE });
  const { violations: found } = await page.evaluate(async () =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" | ")}`);
}

describe("access", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    await farm.publish(["cow-1", 0, 0, 0], ["cow-2", 0, 20, 20], ["cow-1", 60, 230, 10]);
    await farm.heardOf("cow-1", 60);
  });
  after(() => farm.end());

  for (const theme of ["light", "dark"]) {
    it(`axe finds nothing in any view (${theme})`, async () => {
      const options = { colorScheme: theme, bypassCSP: true };
      await visit(farm, options, async (page) => {
        await page.waitForSelector("input[name=user]");
        assert.deepEqual(await violations(page), []);
        await signIn(page);
        await page.waitForSelector(".escaped li");
        for (const tab of ["alerts", "animals", "windows", "system", "map"]) {
          await page.click(`[data-tab="${tab}"]`);
          await until("the view", () => page.locator(".view").first().isVisible());
          assert.deepEqual(await violations(page), [], tab);
          await shot(page, `${tab}-${theme}`);
        }
        await page.click('[data-fence="north"] button:has-text("Edit")');
        await page.click("summary:has-text('More')");
        await page.check("label:has-text('Only at certain hours') input");
        assert.deepEqual(await violations(page), [], "form");
        await page.click(".settings");
        assert.deepEqual(await violations(page), [], "settings");
      });
    });
  }

  it("works with WebGL switched off", async () => {
    const flags = ["--disable-webgl", "--disable-3d-apis"];
    await withPage(farm, { flags }, async (page) => {
      const hasWebGl = await page.evaluate(
        () => document.createElement("canvas").getContext("webgl") !== null,
      );
      assert.equal(hasWebGl, false);
      await page.waitForSelector('.animals [data-animal="cow-2"]');
      await page.waitForSelector(".in-view:has-text('in view: 2')");
    });
  });

  it("on a phone nothing is wider than the screen, and targets are large", async () => {
    await farm.ask("PUT", "/v1/farm", { name: `The farm behind the hill ${"m".repeat(34)}` });
    const long = "The old brown cow with the white spot over the left eye, from the upper meadow 🐄";
    await farm.ask("PATCH", "/v1/devices/cow-1", { name: long });
    await withPage(farm, PHONE, async (page) => {
      await page.waitForSelector("h1:has-text('behind the hill')");
      await page.waitForSelector(`[data-escaped="cow-1"]:has-text("${long}")`);
      const { height } = await page.locator(".escaped").boundingBox();
      assert.ok(height <= 64, `a long name makes the line of who is out ${height} high`);
      const dot = await page.locator(".status .dot").boundingBox();
      const name = await page.locator("h1").boundingBox();
      assert.ok(name.x + name.width <= dot.x && dot.width > 8, "a long name hides how it is");
      for (const tab of ["map", "alerts", "animals", "windows", "system"]) {
        await page.tap(`.tabs [data-tab="${tab}"]`);
        await shot(page, `phone-${tab}`);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 360, `${tab} is ${width} wide`);
        const small = await page.$$eval("button, select, summary, a", (all) =>
          all
            .map((element) => [element.textContent, element.getBoundingClientRect()])
            .filter(([, box]) => box.height > 0 && (box.height < 47.5 || box.width < 47.5))
            .map(([text, box]) => `${text}: ${box.width} x ${box.height}`),
        );
        assert.deepEqual(small, [], tab);
      }
      // Who has made the map large comes back to the part by its tab, also where it is that one.
      await page.tap('.tabs [data-tab="alerts"]');
      await page.tap(".grow");
      await page.waitForSelector("#panel", { state: "hidden" });
      await page.tap('.tabs [data-tab="alerts"]');
      await page.waitForSelector("#panel");
    });
  });

  it("a low screen has room for lists, upright and on its side", async () => {
    await withPage(farm, PHONE, async (page) => {
      await page.tap('.tabs [data-tab="animals"]');
      for (const [width, height] of [[360, 640], [667, 375]]) {
        await page.setViewportSize({ width, height });
        await shot(page, `low-${width}`);
        const panel = await page.locator("#panel").boundingBox();
        assert.ok(panel.height >= 0.6 * height, `${panel.height} of ${height}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      }
    });
  });

  it("on a tablet map and list stand together", async () => {
    await withPage(farm, TABLET, async (page) => {
      await page.waitForSelector('.animals [data-animal="cow-2"]');
      assert.ok(await page.locator("#map").isVisible());
      await shot(page, "tablet");
    });
  });

  it("the first page is small and soon there", async () => {
    await visit(farm, {}, async (page) => {
      await page.waitForSelector("input[name=user]");
      const { bytes, paint_ms } = await page.evaluate(() => ({
        bytes: performance
          .getEntriesByType("resource")
          .reduce((sum, { transferSize }) => sum + transferSize, 0),
        paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
      }));
      assert.ok(bytes < 250 * 1024, `${bytes} bytes`);
      const figures = { bytes, login_ms: paint_ms };
      await visit(farm, { as: "owner", before: noteUseful }, async (inside) => {
        await inside.waitForFunction(() => globalThis.useful_ms > 0);
        figures.farm_ms = await inside.evaluate(() => globalThis.useful_ms);
      });
      keepFigure("first-page", JSON.stringify(figures));
      console.log(`# first page ${JSON.stringify(figures)}`);
    });
  });
});
