// tests/browser/draw.test.mjs - fences drawn with the mouse, by touch, and by keyboard alone.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Farm, mapBox, place, shot, square, until, withPage } from "./harness.mjs";

const PHONE = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};

/** Whether the dashed line of the outline in the making runs down there, on whatever canvas. */
const isOutlineAt = (page, x, y) =>
  page.evaluate(
    ([px, py, dash_px]) =>
      [...document.querySelectorAll("#map canvas")].some((canvas) => {
        const box = canvas.getBoundingClientRect();
        const ratio = canvas.width / box.width;
        const [dx, dy] = [(px - box.left) * ratio, (py - box.top) * ratio];
        const { data } = canvas.getContext("2d").getImageData(dx, dy, 1, dash_px * ratio);
        for (let i = 0; i < data.length; i += 4) {
          const [r, g, b, a] = data.slice(i, i + 4);
          if (a > 250 && Math.abs(r - 0x5b) + Math.abs(g - 0x2a) + Math.abs(b - 0x86) < 12) {
            return true;
          }
        }
        return false;
      }),
    [x, y, 14],
  );

/** What the phone's GPS says. */
function at(east, north, accuracy = 4) {
  const [longitude, latitude] = place(east, north);
  return { longitude, latitude, accuracy };
}

async function save(page, name) {
  await page.fill(".fence-form label:has-text('Name') + input", name);
  await page.click(".fence-form button:has-text('Save')");
  await page.waitForSelector(`.fences strong:text-is("${name}")`);
}

describe("drawing", () => {
  let farm;
  before(async () => {
    farm = await new Farm().start();
    await farm.ask("POST", "/v1/fences", square("yard", "Yard", 200));
  });
  after(() => farm.end());

  const fenceNamed = async (name) =>
    (await farm.ask("GET", "/v1/fences")).features.find((f) => f.properties.name === name);

  it("a fence is drawn with the mouse, measured while it is drawn, and saved", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.click('[data-draw="polygon"]');
      const { x, y } = await mapBox(page);
      for (const [dx, dy] of [[200, 200], [420, 200], [420, 380]]) {
        await page.mouse.click(x + dx, y + dy, { delay: 20 });
        await page.mouse.move(x + dx + 8, y + dy + 8);
      }
      await page.waitForSelector(".measures:has-text('ha')");
      await page.mouse.click(x + 200, y + 380, { delay: 20 });
      await page.mouse.click(x + 200, y + 200, { delay: 20 });
      await page.waitForSelector(".fence-form button:has-text('Add a hole')");
      await shot(page, "draw-mouse");
      await save(page, "By mouse");
      const fence = await fenceNamed("By mouse");
      assert.equal(fence.geometry.coordinates[0].length, 5);
      assert.equal(fence.properties.intent, "keep-in");
    });
  });

  it("a fence is drawn by touch on a phone", async () => {
    await withPage(farm, PHONE, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.tap('[data-draw="polygon"]');
      const { x, y } = await mapBox(page);
      for (const [dx, dy] of [[120, 60], [280, 70], [270, 220], [120, 210]]) {
        await page.touchscreen.tap(x + dx, y + dy);
        await page.waitForTimeout(350);
      }
      // On a screen of two pixels to each point too, the outline is where the finger was.
      assert.ok(await isOutlineAt(page, x + 120, y + 140), "the outline lies elsewhere");
      assert.ok(!(await isOutlineAt(page, x + 30, y + 140)), "all is painted");
      await shot(page, "draw-touch");
      await page.tap("button:has-text('Finish')");
      await page.waitForSelector("button:has-text('Add a hole')");
      await save(page, "By touch");
      assert.equal((await fenceNamed("By touch")).geometry.coordinates[0].length, 5);
    });
  });

  it("a fence is drawn by keyboard alone", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.focus('[data-draw="polygon"]');
      await page.keyboard.press("Enter");
      await page.waitForSelector("#map:focus");
      const moves = [["ArrowLeft", 2], ["ArrowDown", 3], ["ArrowRight", 4], ["ArrowUp", 3]];
      for (const [key, times] of moves) {
        for (let i = 0; i < times; i++) {
          await page.keyboard.press(key);
        }
        await page.keyboard.press("Enter");
      }
      // The buttons on the map do what they say, and set no corner.
      await page.focus(".ol-zoom-out");
      await page.keyboard.press("Enter");
      await page.focus("#map");
      await shot(page, "draw-keyboard");
      await page.keyboard.press("f");
      await page.waitForSelector("button:has-text('Add a hole')");
      await page.focus(".fence-form label:has-text('Name') + input");
      await page.keyboard.type("By keyboard");
      await page.keyboard.press("Enter");
      const fence = await until("the fence", () => fenceNamed("By keyboard"));
      assert.equal(fence.geometry.coordinates[0].length, 5);
    });
  });

  it("a circle and a corridor keep their sizes", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.click('[data-draw="circle"]');
      await page.click("button:has-text('Circle at the cross')");
      await page.fill("label:has-text('radius') + input", "75");
      await page.keyboard.press("Tab");
      await save(page, "Round");
      const circle = await fenceNamed("Round");
      assert.equal(circle.geometry.type, "Point");
      assert.equal(circle.properties.radius_m, 75);
      await page.click('[data-draw="corridor"]');
      const { x, y } = await mapBox(page);
      await page.mouse.click(x + 150, y + 150, { delay: 20 });
      await page.mouse.click(x + 500, y + 300, { delay: 20 });
      await page.click("button:has-text('Finish')");
      await page.fill("label:has-text('width') + input", "12");
      await page.keyboard.press("Tab");
      await save(page, "Way");
      const way = await fenceNamed("Way");
      assert.equal(way.geometry.type, "LineString");
      assert.equal(way.properties.width_m, 12);
      await shot(page, "shapes");
    });
  });

  it("a boundary is walked with the phone's GPS; what it is not sure of is left out", async () => {
    /** Notes what the page has been told of where it is, once it has done with it. */
    const listen = (page) =>
      page.addInitScript(() => {
        const watch = navigator.geolocation.watchPosition.bind(navigator.geolocation);
        navigator.geolocation.watchPosition = (step, ...rest) =>
          watch((position) => {
            step(position);
            const { longitude, latitude, accuracy } = position.coords;
            globalThis.heard = `${longitude} ${latitude} ${accuracy}`;
          }, ...rest);
      });
    const geolocation = at(-300, -300);
    const options = { ...PHONE, permissions: ["geolocation"], geolocation, before: listen };
    const told = (page, { longitude, latitude, accuracy }) =>
      until("the position", () =>
        page.evaluate((wanted) => globalThis.heard === wanted,
          `${longitude} ${latitude} ${accuracy}`));
    await withPage(farm, options, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.tap('[data-draw="polygon"]');
      await page.tap("button:has-text('Walk it with GPS')");
      await page.waitForSelector("button[aria-pressed=true]:has-text('Walk it')");
      await told(page, geolocation);
      // Who glances at the alerts goes on walking.
      await page.tap('.tabs [data-tab="alerts"]');
      const way = [[-240, -300], [-240, -301], [-240, -240, 80], [-240, -250], [-300, -250]];
      for (const [east, north, accuracy] of way) {
        await page.context().setGeolocation(at(east, north, accuracy));
        await told(page, at(east, north, accuracy));
      }
      await page.tap('.tabs [data-tab="map"]');
      await shot(page, "draw-walk");
      await page.tap("button:has-text('Finish')");
      await page.waitForSelector("button:has-text('Add a hole')");
      await save(page, "By foot");
      const [ring] = (await fenceNamed("By foot")).geometry.coordinates;
      assert.equal(ring.length, 5);
      const corners = [[-300, -300], [-240, -300], [-240, -250], [-300, -250]].map(([e, n]) =>
        place(e, n));
      for (const corner of corners) {
        assert.ok(ring.some((p) => Math.hypot(p[0] - corner[0], p[1] - corner[1]) < 2e-6));
      }
    });
  });

  it("a hole is cut; a corner snaps to the neighbour's", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.click('[data-fence="yard"] button.item');
      await page.waitForSelector('[data-selected="yard"]');
      const { x, y, width, height } = await mapBox(page);
      const side = Math.min(width - 96, height - 112) / 2;
      const [cx, cy] = [x + width / 2, y + 48 + (height - 112) / 2];
      await page.click('[data-draw="polygon"]');
      // Near the yard's north-eastern corner, not on it.
      const corners = [[side + 6, -side + 5], [side + 40, -side + 5], [side + 40, side / 2]];
      for (const [dx, dy] of corners) {
        await page.mouse.move(cx + dx, cy + dy);
        // A slow finger rests longer than the half second after which a corner may be dragged.
        await page.mouse.click(cx + dx, cy + dy, { delay: dx === side + 6 ? 600 : 20 });
      }
      await page.click("button:has-text('Finish')");
      await page.waitForSelector("button:has-text('Add a hole')");
      await save(page, "Neighbour");
      const ring = (await fenceNamed("Neighbour")).geometry.coordinates[0];
      const shared = place(200, 200);
      assert.ok(
        ring.some((p) => Math.hypot(p[0] - shared[0], p[1] - shared[1]) < 3e-7),
        JSON.stringify([ring, shared]),
      );
      await page.click('[data-fence="yard"] button:has-text("Edit")');
      await page.click("button:has-text('Add a hole')");
      for (const [dx, dy] of [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5]]) {
        await page.mouse.click(cx + dx * side, cy + dy * side, { delay: 20 });
      }
      await page.click("button:has-text('Finish')");
      await page.waitForSelector("button:has-text('Add a hole')");
      await shot(page, "draw-hole");
      await page.click(".fence-form button:has-text('Save')");
      await page.waitForSelector(".fence-form", { state: "detached" });
      const { geometry } = await farm.ask("GET", "/v1/fences/yard");
      assert.equal(geometry.coordinates.length, 2);
      assert.equal(geometry.coordinates[1].length, 4);
    });
  });

  it("a way is measured on the map", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.click('[data-fence="yard"] button.item');
      const { x, y, width, height } = await mapBox(page);
      const side = Math.min(width - 96, height - 112) / 2;
      const [cx, cy] = [x + width / 2, y + 48 + (height - 112) / 2];
      await page.click("button:has-text('Measure')");
      await page.mouse.click(cx - side, cy, { delay: 20 });
      await page.mouse.move(cx + side, cy, { steps: 3 });
      const text = await page.textContent(".tools output >> nth=0");
      assert.ok(Math.abs(parseFloat(text) - 400) < 4, text);
      await page.click("button[aria-pressed=true]:has-text('Measure')");
    });
  });

  it("a line that crosses itself is told and cannot be saved", async () => {
    await withPage(farm, {}, async (page) => {
      await page.waitForSelector('[data-fence="yard"]');
      await page.click('[data-draw="polygon"]');
      const { x, y } = await mapBox(page);
      for (const [dx, dy] of [[200, 200], [400, 400], [400, 200], [200, 400]]) {
        await page.mouse.click(x + dx, y + dy, { delay: 20 });
      }
      await page.click("button:has-text('Finish')");
      await page.waitForSelector(".warnings:has-text('crosses itself')");
      assert.ok(await page.locator(".fence-form button:has-text('Save')").isDisabled());
      await shot(page, "self-crossing");
    });
  });
});
