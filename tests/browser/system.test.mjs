// tests/browser/system.test.mjs - how the service and its gateways are, in plain words.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Farm, shot, square, until, withPage } from "./harness.mjs";

const LOOKS_EVERY_MS = 5000;
const install = (page) => page.clock.install();

/** The page looks again now, and nobody waits for it. */
const lookAgain = (page) => page.clock.fastForward(LOOKS_EVERY_MS);

describe("system", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("north", "North paddock", 150));
    await farm.publish(["cow-1", 0, 0, 0]);
  });
  after(() => farm.end());

  it("numbers of the service and its health stand there, and follow what happens", async () => {
    await withPage(farm, { before: install }, async (page) => {
      await page.click('[data-tab="system"]');
      await page.waitForSelector("text=Everything is well");
      const sum = page.locator(".tiles div:has-text('Positions since the start') dd");
      await until("the first fix", async () => (await sum.textContent()) === "1");
      await farm.publish(["cow-1", 10, 1, 0], ["cow-1", 20, 2, 0]);
      await farm.heardOf("cow-1", 20);
      await lookAgain(page);
      await until("two more", async () => (await sum.textContent()) === "3");
      for (const name of ["Free on the disk", "waiting to be judged", "Restarts of the broker"]) {
        assert.equal(await page.locator(`.tiles div:has-text("${name}") dd`).count(), 1, name);
      }
      await shot(page, "system-numbers");
    });
  });

  it("a gateway says that it is there, what waits in its outbox, and that it is gone", async () => {
    await withPage(farm, { before: install }, async (page) => {
      await page.click('[data-tab="system"]');
      const gate = page.locator('[data-gateway="gate"]');
      await gate.locator("text=/online · heard of .* ago · waiting in its outbox: \\d+/").waitFor();
      assert.equal(await gate.getAttribute("data-health"), "ok");
      await shot(page, "gateways");
      farm.edge.kill("SIGKILL");
      await until("its last will", async () =>
        (await farm.ask("GET", "/v1/gateways")).gateways.some(({ online }) => online === false));
      await lookAgain(page);
      await gate.locator("text=connection lost").waitFor();
      await until("a warning", async () => (await gate.getAttribute("data-health")) === "warning");
    });
  });

  it("what is not well is worded in the reader's language, with what the service says", async () => {
    await farm.stop("SIGTERM");
    writeFileSync(join(farm.data, "history.db"), "no database");
    await farm.run();
    await withPage(farm, { locale: "sv-SE" }, async (page) => {
      await page.click('[data-tab="system"]');
      const reason = page.locator(".reasons li:has-text('Historiken var skadad')");
      await reason.locator("small:has-text('Tjänsten säger: the history was put aside')").waitFor();
      await shot(page, "system-degraded-sv");
    });
  });
});
