// tests/ingest/publish.mjs - publishes as the npm package mqtt does: MQTT 3.1.1 and 5, each QoS,
// kept or not, topic aliases. usage: publish.mjs HOST PORT USER PASSWORD. Prints what was sent, as
// JSON: [[device, time], ...].
import { createRequire } from "node:module";

const need = createRequire(new URL("../../dashboard/package.json", import.meta.url));
const { connectAsync } = need("mqtt");

const [host, port, username, password] = process.argv.slice(2);
const START_MS = Date.now() - 1_000_000;
const sent = [];

function fix(device) {
  const time = START_MS + 1000 * sent.length;
  sent.push([device, time]);
  return JSON.stringify({ device, time, lon: 16.37, lat: 59.85 });
}

function location(device) {
  const tst = Math.floor(START_MS / 1000) + sent.length;
  sent.push([device, tst * 1000]);
  return JSON.stringify({ _type: "location", lat: 59.85, lon: 16.37, tst, acc: 5 });
}

for (const protocolVersion of [4, 5]) {
  const client = await connectAsync({
    host, port: Number(port), username, password, protocolVersion,
    clientId: `npm-${protocolVersion}`,
  });
  for (const qos of [0, 1, 2]) {
    for (const retain of [false, true]) {
      await client.publishAsync(`hedgerow/v1/fix/${username}`, fix(`npm-${protocolVersion}`),
        { qos, retain });
      await client.publishAsync(`owntracks/${username}/p${protocolVersion}${qos}`,
        location(`${username}.p${protocolVersion}${qos}`), { qos, retain });
    }
  }
  if (protocolVersion === 5) {
    const properties = { topicAlias: 1 };
    await client.publishAsync(`hedgerow/v1/fix/${username}`, fix("alias"), { qos: 1, properties });
    for (let i = 0; i < 3; i++) {
      await client.publishAsync("", fix("alias"), { qos: 1, properties });
    }
    await client.publishAsync(`hedgerow/v1/fix/${username}`, fix("extras"), {
      qos: 1,
      properties: {
        payloadFormatIndicator: true, messageExpiryInterval: 60, contentType: "application/json",
        userProperties: { herd: "north" },
      },
    });
  }
  await client.endAsync();
}
console.log(JSON.stringify(sent));
