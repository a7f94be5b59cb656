// tests/browser/harness.mjs - the real service with its broker, a field gateway (hedgerow-edge) that
// sends fixes, simulated herds, and Debian's Chromium looking at the page.
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

const PROGRAMS = process.env.HR_PROGRAMS ?? join(root, "build/dev/bin");
const SCREENSHOTS = process.env.HR_SCREENSHOTS ?? join(root, "build/screenshots");
export const ASSETS = join(root, "dashboard/dist");
export const AXE = need.resolve("axe-core/axe.min.js");
export const PASSWORD = "a long enough one";
const WAIT_MS = 60_000; // for what comes sooner or later, however slow the machine is
const STOP_MS = 60_000;
const STARTS_MAX = 3;
const PORTS_FROM = 12_000;
const PORTS = 20_000;
const BATCH_MS = 20; // the gateway's, so that a test need not wait a second for each fix

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

/** Not one of those that the system gives to the near ends of connections: while the service is
 * away, its port would be taken by one of them, or by the page's that asks for it. */
async function freePort() {
  for (;;) {
    const port = PORTS_FROM + Math.floor(Math.random() * PORTS);
    const probe = createServer().listen(port, "127.0.0.1");
    try {
      await once(probe, "listening");
    } catch {
      continue;
    }
    probe.close();
    await once(probe, "close");
    return port;
  }
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

/** One running hedgerowd in a folder of its own, and one gateway in the field. */
export class Farm {
  async start({ isNew = false, flags = [] } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "hr-browser-"));
    this.data = join(this.folder, "data");
    this.flags = flags;
    this.startMs = Date.now() - 300_000;
    this.children = [];
    await this.runSomewhere();
    if (!isNew) {
      await this.setUp();
    }
    return this;
  }

  /** A port that was free a moment ago may be somebody else's by now: then another one. */
  async runSomewhere() {
    for (let left = STARTS_MAX - 1; ; left--) {
      this.httpPort = await freePort();
      this.mqttPort = await freePort();
      this.url = `http://127.0.0.1:${this.httpPort}`;
      try {
        await this.run();
        return;
      } catch (error) {
        if (left === 0 || isRunning(this.process)) {
          throw error;
        }
      }
    }
  }

  /** Whether it is our own service that listens there. */
  isOurs() {
    try {
      return readFileSync(join(this.data, "local-address"), "utf8").trim() === this.url;
    } catch {
      return false;
    }
  }

  async run() {
    const flags = ["--data", this.data, "--http", `127.0.0.1:${this.httpPort}`, "--mqtt",
      `127.0.0.1:${this.mqttPort}`, "--assets", ASSETS, ...this.flags];
    // A file, not a pipe: the broker outlives a killed service and would keep the pipe open.
    this.process = this.spawn("hedgerowd", flags, "ignore");
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
        return ready && this.isOurs();
      } catch {
        return false;
      }
    });
  }

  /** A program of ours; what it says goes to one file. */
  spawn(name, flags, stdin) {
    const log = openSync(join(this.folder, "log"), "a");
    const child = spawn(join(PROGRAMS, name), flags, { stdio: [stdin, log, log] });
    closeSync(log);
    return child;
  }

  /** The end of what the programs have said. */
  output() {
    return readFileSync(join(this.folder, "log"), "utf8").slice(-3000);
  }

  async stop(how) {
    if (this.process && isRunning(this.process)) {
      this.wasKilled = true;
      const { process } = this;
      const ended = once(process, "exit");
      process.kill(how);
      // A service that does not stop is a failure, and no reason for the tests not to end.
      const timer = setTimeout(() => process.kill("SIGKILL"), STOP_MS);
      const [, signal] = await ended;
      clearTimeout(timer);
      assert.ok(how === "SIGKILL" || signal !== "SIGKILL", `did not stop:\n${this.output()}`);
    }
  }

  kill() {
    return this.stop("SIGKILL");
  }

  async setUp() {
    const owner = { user: "owner", password: PASSWORD };
    await this.ask("POST", "/v1/setup", owner);
    this.cookie = await this.logIn("owner");
  }

  /** The session cookie of a user with the tests' password. */
  async logIn(user) {
    const login = await fetch(`${this.url}/v1/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user, password: PASSWORD }),
    });
    assert.equal(login.status, 200);
    return login.headers.get("set-cookie").split(";")[0];
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

  /** Lets a gateway in, as `hedgerow gateway add` does. */
  async addGateway(name) {
    const flags = ["--data", this.data, "gateway", "add", name, "--json"];
    const { stdout } = await promisify(execFile)(join(PROGRAMS, "hedgerow"), flags);
    return JSON.parse(stdout);
  }

  /** The agent in the field: reads JSON lines, keeps them until they are acknowledged. */
  async startEdge() {
    const { user, password } = await this.addGateway("gate");
    const config = join(this.folder, "edge.conf");
    writeFileSync(config, [
      `broker = tcp://127.0.0.1:${this.mqttPort}`,
      `user = ${user}`,
      `password = ${password}`,
      `data = ${join(this.folder, "edge")}`,
      `batch_ms = ${BATCH_MS}`,
      "source = json:-",
      "",
    ].join("\n"));
    this.edge = this.spawn("hedgerow-edge", ["--config", config], "pipe");
    this.children.push(this.edge);
  }

  /** Fixes as [device, seconds after the start, east_m, north_m, more], through the gateway. */
  async publish(...fixes) {
    if (!this.edge) {
      await this.startEdge();
    }
    const lines = fixes.map(([device, s, east, north, more = {}]) => {
      const [lon, lat] = place(east, north);
      const time = this.startMs + Math.round(s * 1000);
      assert.ok(time < Date.now() + 30_000, `${device}: a service that knows the time refuses that`);
      return `${JSON.stringify({ device, time, lon, lat, accuracy_m: 3, ...more })}\n`;
    });
    await new Promise((resolve, reject) => {
      this.edge.stdin.write(lines.join(""), (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Until the service knows the animal's fix of so many seconds after the start, and those before. */
  async heardOf(device, s) {
    const timeMs = this.startMs + Math.round(s * 1000);
    await until(`${device}'s fix`, async () => {
      const { devices } = await this.ask("GET", "/v1/devices");
      return devices.some(({ id, device: name, time }) =>
        (id ?? name) === device && Date.parse(time) >= timeMs);
    });
  }

  /** A simulated fleet beside it, until the tests end. */
  async simulate(scenario, ...flags) {
    const login = join(this.folder, "login.json");
    const file = join(this.folder, "herd.scenario");
    const { lon, lat } = HOME;
    writeFileSync(login, JSON.stringify(await this.addGateway("sim")));
    writeFileSync(file, `seed 7\norigin ${lon} ${lat}\n${scenario.join("\n")}\n`);
    this.children.push(this.spawn("hedgerow-sim",
      [file, "--login", login, "--mqtt", `127.0.0.1:${this.mqttPort}`, "--quiet", ...flags],
      "ignore"));
  }

  /** The fences of that scenario, as the simulator tells them. */
  async simulatedFences() {
    const { stdout } = await promisify(execFile)(join(PROGRAMS, "hedgerow-sim"),
      [join(this.folder, "herd.scenario"), "--fences"]);
    return JSON.parse(stdout);
  }

  async end() {
    for (const child of this.children.filter(isRunning)) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await this.stop("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function isRunning(child) {
  return child.exitCode === null && child.signalCode === null;
}

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Browsers by their flags: one start serves many tests, each in a context of its own. */
const browsers = new Map();

async function browserWith(flags) {
  const key = flags.join(" ");
  if (!browsers.has(key)) {
    browsers.set(key, await chromium.launch({
      executablePath: "/usr/bin/chromium",
      headless: true,
      args: [...FLAGS, ...flags],
    }));
  }
  return browsers.get(key);
}

export async function endBrowsers() {
  for (const browser of browsers.values()) {
    await browser.close();
  }
  browsers.clear();
}

// What a browser complains of although nothing is wrong: who asks who they are before they are in,
// who saves a fence that somebody else has changed, and whoever meets a killed service.
const EXPECTED = /status of 4(01|12)|ERR_CONNECTION_REFUSED|WebSocket connection to/;

/** A page with nothing remembered; its complaints are kept, but for those that the test `expects`. */
async function browse(farm, options) {
  const { flags = [], as = null, before = null, path = "/", expects = null, ...more } = options;
  const browser = await browserWith(flags);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    ...more,
  });
  if (as !== null) {
    const [name, value] = (as === "owner" ? farm.cookie : await farm.logIn(as)).split("=");
    await context.addCookies([{ name, value, url: farm.url }]);
  }
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error.stack)));
  page.on("console", (message) => {
    const text = `${message.text()} ${message.location().url}`;
    // A complaint may come long after what caused it: the expected ones are known beforehand.
    if (message.type() === "error" && !EXPECTED.test(text) && !expects?.test(text)) {
      page.complaints.push(text);
    }
  });
  await before?.(page);
  await page.goto(farm.url + path);
  return page;
}

export async function signIn(page, user = "owner") {
  await page.fill("input[name=user]", user);
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
    await page.context().close();
  }
}

/** The same, signed in already. */
export function withPage(farm, options, run) {
  return visit(farm, { as: "owner", ...options }, async (page) => {
    await page.waitForSelector('.status[data-link="live"]');
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

/** Where the map is on the screen. */
export async function mapBox(page) {
  return page.locator("#map").boundingBox();
}
