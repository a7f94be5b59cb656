// tests/api/undici.mjs - Node's own fetch and WebSocket (both undici) as clients.
// usage: node --experimental-websocket undici.mjs PORT TOKEN EVENTS
const [port, token, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const base = `http://127.0.0.1:${port}`;
const headers = { authorization: `Bearer ${token}` };

function check(ok, what) {
  if (!ok) {
    console.error(`failed: ${what}`);
    process.exit(1);
  }
}

const answers = await Promise.all(
  Array.from({ length: 50 }, (_, i) => fetch(`${base}/v1/log/events/0?limit=${i + 1}`, { headers })),
);
for (const answer of answers) {
  check(answer.status === 200, "a GET of many at once");
  check(Array.isArray((await answer.json()).records), "its body");
}
check((await fetch(`${base}/v1/log`)).status === 401, "no token");
const packed = await fetch(`${base}/v1/openapi.json`);
check((await packed.json()).openapi.startsWith("3.1"), "a packed answer");
const posted = await fetch(`${base}/v1/login`, { method: "POST", body: "{}", headers });
check(posted.status === 415, "text/plain is not JSON");

const live = new WebSocket(`ws://127.0.0.1:${port}/v1/live?token=${token}`, "hedgerow.v1");
const offsets = [];
live.addEventListener("error", () => check(false, "the WebSocket"));
live.addEventListener("message", (message) => {
  const said = JSON.parse(message.data);
  if (said.hello) {
    live.send(JSON.stringify({
      subscribe: { events: {} },
      resume: { epoch: said.hello.epoch, seq: -1 },
    }));
  } else if (said.event) {
    offsets.push(said.event.offset);
    if (offsets.length === count) {
      check(offsets.every((offset, i) => offset === i), "events in order");
      live.send(JSON.stringify({ id: 1, get: "/v1/health" }));
    }
  } else if (said.id === 1) {
    check(said.status === 200, "a request over the WebSocket");
    process.exit(0);
  }
});
setTimeout(() => check(false, `only ${offsets.length} events`), 20000);
