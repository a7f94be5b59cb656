// tests/browser/harness.mjs - the real service with its broker, a gateway that sends fixes, and
// Debian's Chromium looking at the page.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const need = createRequire(new URL("../../dashboard/package.json", import.meta.url));
const { chromium } = need("playwright-core");
const mqtt = need("mqtt");

const HEDGEROWD = process.env.HR_HEDGEROWD ?? join(root, "build/dev/bin/hedgerowd");
const HEDGEROW = process.env.HR_HEDGEROW ?? join(root, "build/dev/bin/hedgerow");
const SCREENSHOTS = process.env.HR_SCREENSHOTS ?? join(root, "build/screenshots");
export const AXE = need.resolve("axe-core/axe.min.js");
export const PASSWORD = "a long enough one";
const WAIT_MS = 20_000;

/** Where the tests' farm lies; places are metres east and north of it. */
export const HOME = { lon: 16.37, lat: 59.85 };
const M_PER_DEGREE = 111_319.49;

export function place(east_m, north_m) {
  const lat = HOME.lat + north_m / M_PER_DEGREE;
  return [HOME.lon + east_m / (M_PER_DEGREE * Math.cos((HOME.lat * Math.PI) / 180)), lat];
}

/** A square fence; half its side in metres. */
export function square(id, name, half_m, more = {}, [east, north] = [0, 0]) {
  const corner = (x, y) => place(east + x * half_m, north + y * half_m);
  const ring = [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1), corner(-1, -1)];
  return {
    type: "Feature",
    id,
    properties: { name, intent: "keep-in", ...more },
    geometry: { type: "Polygon", coordinates: [ring] },
  };
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Asks until the answer pleases. */
export async function until(what, ask, ms = WAIT_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    if (Date.now() > end) {
      throw new Error(`waited in vain for: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** One running hedgerowd in a folder of its own. */
export class Farm {
  async start({ isNew = false } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "hr-browser-"));
    this.data = join(this.folder, "data");
    this.httpPort = await freePort();
    this.mqttPort = await freePort();
    this.url = `http://127.0.0.1:${this.httpPort}`;
    this.startMs = Date.now() - 120_000;
    await this.run();
    if (!isNew) {
      await this.setUp();
    }
    return this;
  }

  async run() {
    const flags = ["--data", this.data, "--http", `127.0.0.1:${this.httpPort}`, "--mqtt",
      `127.0.0.1:${this.mqttPort}`, "--assets", join(root, "dashboard/dist")];
    // A file, not a pipe: the broker outlives a killed service and would keep the pipe open.
    const log = openSync(join(this.folder, "log"), "a");
    this.process = spawn(HEDGEROWD, flags, { stdio: ["ignore", log, log] });
    closeSync(log);
    this.runs = (this.runs ?? 0) + 1;
    this.wasKilled = false;
    this.process.on("exit", (code, signal) => {
      if (!this.wasKilled) {
        console.log(`# hedgerowd ended: ${code ?? signal}\n${this.output()}`);
      }
    });
    await until("hedgerowd", async () => {
      assert.equal(this.process.exitCode, null, this.output());
      try {
        const { ready } = await (await fetch(`${this.url}/v1/health`)).json();
        // A JSON fix has no acknowledgement but this: somebody listens.
        return ready && this.listens();
      } catch {
        return false;
      }
    });
  }

  /** The end of what the service has said. */
  output() {
    return readFileSync(join(this.folder, "log"), "utf8").slice(-3000);
  }

  listens() {
    const log = readFileSync(join(this.folder, "log"), "utf8");
    return log.split("mqtt.up client=hedgerow-ingest").length > this.runs;
  }

  async stop(how) {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) {
      this.wasKilled = true;
      this.process.kill(how);
      await once(this.process, "exit");
    }
  }

  kill() {
    return this.stop("SIGKILL");
  }

  async setUp() {
    const owner = { user: "owner", password: PASSWORD };
    await this.ask("POST", "/v1/setup", owner);
    const login = await fetch(`${this.url}/v1/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(owner),
    });
    this.cookie = login.headers.get("set-cookie").split(";")[0];
  }

  async ask(method, path, body, headers = {}) {
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        "Content-Type": "application/json",
        ...(this.cookie ? { Cookie: this.cookie } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  async connectGateway() {
    const { stdout } = await promisify(execFile)(HEDGEROW, ["--data", this.data, "gateway", "add",
      "gate", "--json"]);
    const { user, password } = JSON.parse(stdout);
    this.gateway = await mqtt.connectAsync(`mqtt://127.0.0.1:${this.mqttPort}`, {
      username: user,
      password,
      reconnectPeriod: 200,
    });
  }

  /** Fixes as [device, seconds after the start, east_m, north_m, more]. */
  async publish(...fixes) {
    if (!this.gateway) {
      await this.connectGateway();
    }
    const body = fixes.map(([device, s, east, north, more = {}]) => {
      const [lon, lat] = place(east, north);
      const time = this.startMs + Math.round(s * 1000);
      return { device, time, lon, lat, accuracy_m: 3, ...more };
    });
    await this.gateway.publishAsync("hedgerow/v1/fix/gate", JSON.stringify(body), { qos: 1 });
  }

  async end() {
    this.gateway?.end(true);
    await this.stop("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A browser of its own with an empty profile; complaints of the page are kept. */
async function browse(farm, options = {}) {
  const { flags = [], ...rest } = options;
  const folder = mkdtempSync(join(tmpdir(), "hr-profile-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    args: [...FLAGS, ...flags],
    ...rest,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(WAIT_MS);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error.stack)));
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy|Uncaught/.test(message.text())) {
      page.complaints.push(message.text());
    }
  });
  page.end = async () => {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  };
  await page.goto(farm.url);
  return page;
}

export async function signIn(page) {
  await page.fill("input[name=user]", "owner");
  await page.fill("input[name=password]", PASSWORD);
  await page.click("button.primary");
  await page.waitForSelector('.status[data-link="live"]');
}

/** Runs a test with a page; ends it whatever happens, and nothing may have been complained of. */
export async function visit(farm, options, run) {
  const page = await browse(farm, options);
  try {
    await run(page);
    assert.deepEqual(page.complaints, []);
  } catch (error) {
    await shot(page, `failed-${Date.now()}`).catch(() => {});
    throw error;
  } finally {
    await page.end();
  }
}

/** The same, signed in. */
export function withPage(farm, options, run) {
  return visit(farm, options, async (page) => {
    await signIn(page);
    await run(page);
  });
}

export async function shot(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

export function keepFigure(name, text) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  writeFileSync(join(SCREENSHOTS, `${name}.txt`), `${text}\n`);
}

/** Where a place on the ground is on the screen: asked of the map itself by its scale. */
export async function mapBox(page) {
  return page.locator("#map").boundingBox();
}
