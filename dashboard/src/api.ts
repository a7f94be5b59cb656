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
  signal?: AbortSignal;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
const TIMEOUT_MS = 20_000;

async function readError(answer: Response): Promise<ApiError> {
  try {
    const { error } = (await answer.json()) as {
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
  /** Called when a session has ended; isWanted: the person has signed out. */
  onSignedOut: (isWanted: boolean) => void = () => {};
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
    let answer: Response;
    try {
      answer = await fetch(path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: options.signal ?? AbortSignal.timeout(TIMEOUT_MS),
        credentials: "same-origin",
        cache: "no-store",
      });
    } catch (reason) {
      throw new ApiError(0, "offline", String(reason));
    }
    if (!answer.ok) {
      const error = await readError(answer);
      if (error.status === 401 && path !== "/v1/login" && path !== "/v1/me") {
        this.onSignedOut(false);
      }
      if (error.status === 403) {
        this.onForbidden();
      }
      throw error;
    }
    const text = await answer.text();
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
