// src/api.ts - requests to the service; an answer that is no success is thrown as an ApiError.

/** What the service says of an error beside its code and its English sentence. */
export interface Particulars {
  field?: string;
  /** Tells apart what has one code; its values are what the sentence is made of. */
  reason?: string;
  values?: Record<string, string | number>;
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  readonly reason: string | null;
  readonly values: Readonly<Record<string, string | number>>;
  readonly retryAfter_s: number | null;

  constructor(
    status: number,
    code: string,
    message: string,
    particulars: Particulars = {},
    retryAfter_s: number | null = null,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = particulars.field ?? null;
    this.reason = particulars.reason ?? null;
    this.values = particulars.values ?? {};
    this.retryAfter_s = retryAfter_s;
  }
}

export interface Answer<T> {
  body: T;
  etag: string | null;
}

export interface Options {
  ifMatch?: string | null;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
const SILENCE_MS_MAX = 20_000;
const LETTERS_PER_MS_MIN = 10; // what is sent may take as long as a poor link needs for it

/** Aborts when nothing has come for a while, however long all of it takes. */
class Patience {
  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  wait(ms: number): void {
    this.end();
    this.#timer = setTimeout(() => this.#controller.abort(), ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

async function readText(answer: Response, patience: Patience): Promise<string> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    patience.wait(SILENCE_MS_MAX);
    const part = await reader?.read();
    if (!part || part.done) {
      return text + decoder.decode();
    }
    text += decoder.decode(part.value, { stream: true });
  }
}

function readError(answer: Response, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as {
      error: { code: string; message: string } & Particulars;
    };
    const wait_s = Number(answer.headers.get("Retry-After") ?? NaN);
    const retryAfter_s = Number.isFinite(wait_s) ? wait_s : null;
    return new ApiError(answer.status, error.code, error.message, error, retryAfter_s);
  } catch {
    return new ApiError(answer.status, `http.${answer.status}`, answer.statusText);
  }
}

export class Api {
  /** Called when a session has ended. */
  onSignedOut: () => void = () => {};
  /** Called when something is refused that the page thought it may do. */
  onForbidden: () => void = () => {};

  async request<T>(
    method: Method,
    path: string,
    body?: unknown,
    options: Options = {},
  ): Promise<Answer<T>> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    if (options.ifMatch) {
      headers["If-Match"] = options.ifMatch;
    }
    const sent = body === undefined ? null : JSON.stringify(body);
    const patience = new Patience();
    let answer: Response;
    let text: string;
    try {
      patience.wait(SILENCE_MS_MAX + (sent?.length ?? 0) / LETTERS_PER_MS_MIN);
      answer = await fetch(path, {
        method,
        headers,
        body: sent,
        signal: patience.signal,
        credentials: "same-origin",
        cache: "no-store",
      });
      text = await readText(answer, patience);
    } catch (reason) {
      throw new ApiError(0, "offline", String(reason));
    } finally {
      patience.end();
    }
    if (!answer.ok) {
      const error = readError(answer, text);
      if (error.status === 401 && path !== "/v1/login" && path !== "/v1/me") {
        this.onSignedOut();
      }
      if (error.status === 403) {
        this.onForbidden();
      }
      throw error;
    }
    const isJson = answer.headers.get("Content-Type")?.includes("json") ?? false;
    return {
      body: (isJson && text !== "" ? JSON.parse(text) : text) as T,
      etag: answer.headers.get("ETag"),
    };
  }

  async get<T>(path: string, options?: Options): Promise<T> {
    return (await this.request<T>("GET", path, undefined, options)).body;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.request<T>("POST", path, body)).body;
  }

  async put<T>(path: string, body: unknown): Promise<T> {
    return (await this.request<T>("PUT", path, body)).body;
  }

  async remove(path: string, options?: Options): Promise<void> {
    await this.request("DELETE", path, undefined, options);
  }
}
