// test/api.test.ts - requests over poor links: slow is not away, silent is.
import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { Api, ApiError } from "../src/api.ts";

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

/** A service that answers in pieces, whenever it is told to. */
function slowService(): { say: (text: string | null) => void } {
  let body!: ReadableStreamDefaultController<Uint8Array>;
  mock.method(globalThis, "fetch", (_: string, { signal }: RequestInit) => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        body = controller;
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    const headers = { "Content-Type": "application/json" };
    return Promise.resolve(new Response(stream, { headers }));
  });
  return {
    say: (text) => (text === null ? body.close() : body.enqueue(new TextEncoder().encode(text))),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("an answer may take as long as it needs, while something comes", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { say } = slowService();
  const asked = new Api().get<number[]>("/v1/fences");
  for (const piece of ["[1", ",2", ",3", ",4", "]"]) {
    await settled();
    mock.timers.tick(15_000);
    say(piece);
  }
  say(null);
  assert.deepEqual(await asked, [1, 2, 3, 4]);
});

test("an answer that breaks off or falls silent is told as a lost connection", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { say } = slowService();
  const asked = new Api().get("/v1/fences");
  await settled();
  say("[1");
  await settled();
  mock.timers.tick(20_000);
  await assert.rejects(asked, (reason) => reason instanceof ApiError && reason.code === "offline");
});
