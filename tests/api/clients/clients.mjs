// tests/api/clients/clients.mjs - the service as others' programs see it: undici, ws, a validator of
// OpenAPI, one of JSON Schema and a reader of Prometheus' text.
// usage: node clients.mjs PORT COOKIE (the owner's session)
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import parsePrometheus from "parse-prometheus-text-format";
import { Client } from "undici";
import WebSocket from "ws";

import { apart, calls } from "./routes.mjs";

const [port, firstCookie] = process.argv.slice(2);
let cookie = firstCookie;
const base = `http://127.0.0.1:${port}`;
const client = new Client(base, { pipelining: 10 });

function check(ok, what) {
  if (!ok) {
    console.error(`failed: ${what}`);
    process.exit(1);
  }
}

async function ask(method, path, body, more = {}) {
  const headers = { cookie, ...more };
  if (body !== undefined) {
    headers["content-type"] = "application/json";
  }
  const answer = await client.request({
    method: method.toUpperCase(),
    path,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.body.text();
  const isJson = (answer.headers["content-type"] ?? "").includes("json");
  return { status: answer.statusCode, headers: answer.headers, text,
    body: isJson && text !== "" ? JSON.parse(text) : null };
}

function fill(path, given) {
  if (typeof given === "string") {
    return path + given;
  }
  return path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(given[name]));
}

async function describe() {
  const description = (await ask("get", "/v1/openapi.json")).body;
  const validated = await new Validator().validate(structuredClone(description));
  check(validated.valid, `OpenAPI: ${JSON.stringify(validated.errors)}`);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema(description, "openapi");
  const pointer = (ref) => ajv.getSchema(`openapi${ref}`);
  return { description, pointer };
}

// Every route is answered, and its answer is as the description says.
async function askEverything({ description, pointer }) {
  const wanted = new Set(apart);
  for (const [path, methods] of Object.entries(description.paths)) {
    Object.keys(methods).forEach((method) => wanted.add(`${method} ${path}`));
  }
  const error = pointer("#/components/schemas/Error");
  const seen = {};
  for (const [method, path, given = "", body] of calls) {
    const name = `${method} ${path}`;
    check(wanted.delete(name), `${name} is not described, or was asked before`);
    const answer = await ask(method, fill(path, typeof given === "function" ? given(seen) : given),
      body);
    check(answer.status >= 200 && answer.status < 300, `${name}: ${answer.status} ${answer.text}`);
    if (name === "patch /v1/me") {
      cookie = answer.headers["set-cookie"].split(";")[0]; // the old session has ended
    }
    seen[name] = answer.body;
    const content = description.paths[path][method].responses["2XX"].content;
    if (content !== undefined && answer.text !== "") {
      const told = content[answer.headers["content-type"].split(";")[0]];
      check(told !== undefined, `${name}: ${answer.headers["content-type"]} is not described`);
      const matches = told.schema === undefined ? () => true : pointer(told.schema.$ref);
      check(matches(answer.body), `${name}: ${JSON.stringify(matches.errors)} ${answer.text}`);
    }
    // What is not JSON, or comes from nobody, is refused as the description says.
    const refused = await ask(method, fill(path, typeof given === "function" ? given(seen) : given),
      body, { cookie: "" });
    const isOpen = description.paths[path][method]["x-role"] === "none";
    check(isOpen || (refused.status === 401 && error(refused.body)), `${name}: ${refused.text}`);
  }
  apart.forEach((name) => wanted.delete(name));
  check(wanted.size === 0, `nobody asked ${[...wanted].join(", ")}`);
}

async function pipeline() {
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => ask("get", `/v1/fences?limit=${1 + (i % 9)}`)));
  check(answers.every((answer) => answer.status === 200), "pipelined requests");
  const ids = new Set(answers.map((answer) => answer.headers["x-request-id"]));
  check(ids.size === answers.length, "every answer has a request id of its own");
}

async function readMetrics() {
  const families = parsePrometheus((await ask("get", "/metrics")).text);
  check(families.length > 30, `${families.length} families`);
  for (const family of families) {
    check(/^(hedgerow|process)_[a-z0-9_]+$/.test(family.name) && family.help.length > 5, family.name);
    check(["COUNTER", "GAUGE", "HISTOGRAM", "SUMMARY"].includes(family.type), `${family.name} ${family.type}`);
    check(family.type !== "COUNTER" || family.name.endsWith("_total"), family.name);
  }
}

function open(path, protocols) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers: { cookie } });
    const said = [];
    socket.on("message", (data, isBinary) => {
      said.push(isBinary ? data : JSON.parse(data));
      socket.emit("said", said);
    });
    socket.on("open", () => resolve({ socket, said }));
    socket.on("unexpected-response", (_, answer) => resolve({ status: answer.statusCode }));
    socket.on("error", () => resolve({ status: 0 }));
  });
}

function until(link, wanted) {
  return new Promise((resolve) => {
    const look = () => {
      const found = link.said.find(wanted);
      if (found !== undefined) {
        link.socket.off("said", look);
        resolve(found);
      }
    };
    link.socket.on("said", look);
    look();
  });
}

async function listen() {
  check((await open("/v1/live", [])).status === 400, "no subprotocol");
  check((await open("/v1/live", ["chat"])).status === 400, "another subprotocol");
  check((await open("/v1/nothing", ["hedgerow.v1"])).status === 404, "another path");
  const link = await open("/v1/live", ["chat", "hedgerow.v1"]);
  check(link.socket?.protocol === "hedgerow.v1" && link.socket.extensions === "", "the upgrade");
  const { hello } = await until(link, (each) => each.hello);
  link.socket.send(JSON.stringify({
    subscribe: { events: {}, positions: { format: "binary" } },
    resume: { epoch: hello.epoch, seq: -1 },
  }));
  await until(link, (each) => each.event || each.edit);
  const frame = await until(link, (each) => Buffer.isBuffer(each));
  check(frame.subarray(0, 2).toString() === "HP" && frame.length % 12 === 0, "a binary frame");
  link.socket.send(JSON.stringify([1, 2, 3].map((id) => ({ id, get: "/v1/health" }))));
  check((await until(link, (each) => Array.isArray(each))).length === 3, "a batch");
  const pong = new Promise((resolve) => link.socket.once("pong", resolve));
  link.socket.ping("still there");
  check(String(await pong) === "still there", "a pong");
  const closed = new Promise((resolve) => link.socket.once("close", resolve));
  link.socket.close(1000);
  check((await closed) === 1000, "a clean close");
}

setTimeout(() => check(false, "it takes too long"), 60000).unref();
await readMetrics();
await pipeline();
await listen();
await askEverything(await describe());
await client.close();
