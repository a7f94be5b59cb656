// src/live.ts - the WebSocket: subscribes, resumes where it broke off, notices silence.
import type { WindowRow } from "./windows.ts";
import type { Acked, Box, Farm, Health, Hello, HrEvent, LiveDevice } from "./types.ts";

const SUBPROTOCOL = "hedgerow.v1";
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 8000;
const PROBE_EVERY_MS = 4000;
const SILENCE_MS_MAX = 7000; // after a question; a page in the background may ask once a minute
/** What is asked again and again: nobody is told of its changes. The id of each is its place. */
const PROBES = ["/v1/health", "/v1/farm"];

export type LinkState = "connecting" | "live" | "lost";

export interface AckRecord {
  offset: number;
  alert: number;
  user: string;
  time: string;
}

export interface LiveHandlers {
  link(state: LinkState): void;
  /** isNew: what happened before is not known; everything is to be loaded. */
  hello(hello: Hello, isNew: boolean): void;
  event(event: HrEvent): void;
  ack(alert: number, acked: Acked): void;
  edit(edit: Record<string, unknown>): void;
  gap(): void;
  names(names: [number, string][]): void;
  frame(frame: ArrayBuffer): number;
  positions(devices: LiveDevice[]): void;
  counts(counts: [number, number, number][]): void;
  window(query: string, rows: readonly WindowRow[]): void;
  health(health: Health): void;
  farm(farm: Farm): void;
}

/** What of a WebSocket is used here; a test hands in its own. */
export interface Socket {
  send(text: string): void;
  close(): void;
}
export interface SocketEvents {
  message(data: unknown): void;
  closed(): void;
}
export type Connect = (protocol: string, events: SocketEvents) => Socket;

export function connectTo(address: string): Connect {
  return (protocol, events) => {
    const socket = new WebSocket(address, protocol);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => events.message(event.data);
    socket.onclose = () => events.closed();
    return socket;
  };
}

interface Message {
  hello?: Hello;
  event?: HrEvent;
  ack?: AckRecord;
  edit?: Record<string, unknown> & { offset: number };
  gap?: { from: number; to: number };
  names?: [number, string][];
  positions?: LiveDevice[];
  counts?: [number, number, number][];
  tick?: number;
  window?: { query: string; rows: WindowRow[] };
  id?: number;
  status?: number;
  body?: unknown;
}

export class Live {
  #connect: Connect;
  #handlers: LiveHandlers;
  #socket: Socket | null = null;
  #retryMs = RETRY_FIRST_MS;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #probeTimer: ReturnType<typeof setInterval> | undefined;
  #isGreeted = false;
  #askedMs: number | null = null; // since when an answer is waited for
  #epoch: string | null = null;
  #seq = -1;
  #view: Box | null = null;
  #windows: string[] = [];
  #isWanted = false;

  constructor(connect: Connect, handlers: LiveHandlers) {
    this.#connect = connect;
    this.#handlers = handlers;
  }

  /** Names the data that the page shows; null before the first greeting. */
  get epoch(): string | null {
    return this.#epoch;
  }

  start(): void {
    if (!this.#isWanted) {
      this.#isWanted = true;
      this.#open();
    }
  }

  stop(): void {
    this.#isWanted = false;
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  /** Try again at once, for instance because the device is online again. */
  hurry(): void {
    if (this.#socket !== null) {
      this.#probe();
    } else if (this.#isWanted) {
      clearTimeout(this.#retryTimer);
      this.#retryMs = RETRY_FIRST_MS;
      this.#open();
    }
  }

  watch(view: Box): void {
    this.#view = view;
    this.#send({ subscribe: { positions: this.#positions() } });
  }

  watchWindows(names: string[]): void {
    this.#windows = names;
    this.#send({ subscribe: { windows: names } });
  }

  #positions(): unknown {
    return this.#view ? { bbox: this.#view, format: "binary", max_hz: 5 } : null;
  }

  #send(message: unknown): void {
    // Before the greeting nothing is sent: the first subscription says it all.
    if (this.#socket && this.#isGreeted) {
      this.#socket.send(JSON.stringify(message));
    }
  }

  #open(): void {
    this.#handlers.link("connecting");
    this.#askedMs = Date.now();
    const socket = this.#connect(SUBPROTOCOL, {
      message: (data) => {
        if (this.#socket === socket) {
          this.#receive(data);
        }
      },
      closed: () => {
        if (this.#socket === socket) {
          this.#lost();
        }
      },
    });
    this.#socket = socket;
    this.#probeTimer = setInterval(() => this.#probe(), PROBE_EVERY_MS);
  }

  #probe(): void {
    this.#askedMs ??= Date.now();
    if (Date.now() - this.#askedMs > SILENCE_MS_MAX) {
      this.#lost();
      return;
    }
    this.#ask();
  }

  #ask(): void {
    PROBES.forEach((get, id) => this.#send({ id, get }));
  }

  #drop(): void {
    clearInterval(this.#probeTimer);
    const socket = this.#socket;
    this.#socket = null;
    this.#isGreeted = false;
    socket?.close();
  }

  #lost(): void {
    this.#drop();
    this.#handlers.link("lost");
    // Spread over half the wait, so that many pages do not come back in one moment.
    const wait_ms = this.#retryMs * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    this.#retryTimer = setTimeout(() => this.#open(), wait_ms);
  }

  #greet(hello: Hello): void {
    const isNew = this.#epoch !== hello.epoch || this.#seq > hello.seq;
    if (isNew) {
      this.#epoch = hello.epoch;
      this.#seq = hello.seq;
    }
    this.#retryMs = RETRY_FIRST_MS;
    this.#handlers.link("live");
    this.#handlers.hello(hello, isNew);
    this.#send({
      subscribe: { events: {}, positions: this.#positions(), windows: this.#windows },
      resume: { epoch: this.#epoch, seq: this.#seq },
    });
    this.#ask();
  }

  #receive(data: unknown): void {
    this.#isGreeted = true;
    this.#askedMs = null;
    if (data instanceof ArrayBuffer) {
      this.#send({ seen: this.#handlers.frame(data) });
      return;
    }
    const parsed = JSON.parse(String(data)) as Message | Message[];
    for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
      this.#handle(message);
    }
  }

  /** False: it has been here before, as after a resumed connection. */
  #advance(offset: number): boolean {
    if (offset <= this.#seq) {
      return false;
    }
    this.#seq = offset;
    return true;
  }

  #handle(message: Message): void {
    const to = this.#handlers;
    if (message.hello) {
      this.#greet(message.hello);
    } else if (message.event) {
      if (this.#advance(message.event.offset)) {
        to.event(message.event);
      }
    } else if (message.ack) {
      if (this.#advance(message.ack.offset)) {
        to.ack(message.ack.alert, { user: message.ack.user, time: message.ack.time });
      }
    } else if (message.edit) {
      if (this.#advance(message.edit.offset)) {
        to.edit(message.edit);
      }
    } else if (message.gap) {
      this.#advance(message.gap.to - 1);
      to.gap();
    } else if (message.names) {
      to.names(message.names);
    } else if (message.positions) {
      to.positions(message.positions);
    } else if (message.counts) {
      to.counts(message.counts);
    } else if (message.window) {
      to.window(message.window.query, message.window.rows);
    } else if (message.id === 0 && message.status === 200) {
      to.health(message.body as Health);
    } else if (message.id === 1 && message.status === 200) {
      to.farm(message.body as Farm);
    }
    if (message.tick !== undefined) {
      this.#send({ seen: message.tick });
    }
  }
}
