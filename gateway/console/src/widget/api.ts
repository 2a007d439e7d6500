import type { Memory, Pending } from "./memory";

export interface Said {
  id: string;
  role: "customer" | "agent" | "operator";
  text: string;
  message_id: string | null;
  buttons: { text: string; url: string }[];
  attachment: { kind: "photo" | "document"; url: string } | null;
}

export interface Delta {
  turn_id: string;
  text: string;
}

/** The gateway refused; `status` 0 means that it was not reached. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly retryAfterMs = 0,
  ) {
    super(String(status));
  }
}

const CALL_MS = 15_000;
const STREAM_MS = 70_000; // the gateway ends a stream after 50 s

export class Api {
  readonly #base: string;

  constructor(
    origin: string,
    token: string,
    readonly memory: Memory,
  ) {
    this.#base = `${origin}/api/widget/${encodeURIComponent(token)}/`;
  }

  /** Return who answers; the browser keeps the visitor's credential from now on. */
  async open(): Promise<string> {
    // Without the credential the browser asks for no leave first, so that a refusal can be read on every site.
    const response = await this.#call("session", { method: "POST" }, undefined, "");
    const { visitor, agent } = await response.json();
    if (!this.memory.get("visitor")) this.memory.set({ visitor });
    return agent;
  }

  async read(after: string | undefined): Promise<Said[]> {
    const response = await this.#call(after ? `messages?after=${after}` : "messages");
    return (await response.json()).items;
  }

  async write(message: Pending): Promise<void> {
    const body = JSON.stringify({ text: message.text, message_id: message.message_id });
    await this.#call("messages", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  }

  /** Hear what is said after a message, until the gateway ends the stream or `signal` does. */
  async stream(
    after: string | undefined,
    signal: AbortSignal,
    onSaid: (said: Said) => void,
    onDelta: (delta: Delta) => void,
    onOpen: () => void,
  ): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(STREAM_MS)]);
    const response = await this.#call(after ? `events?after=${after}` : "events", {}, limit);
    onOpen();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) return;
      const blocks = (rest + part.value).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const found = /^event: (\w+)\ndata: (.*)$/.exec(block);
        if (found?.[1] === "message") onSaid(JSON.parse(found[2] ?? ""));
        if (found?.[1] === "delta") onDelta(JSON.parse(found[2] ?? ""));
      }
    }
  }

  async #call(
    path: string,
    init: RequestInit = {},
    signal?: AbortSignal,
    visitor = this.memory.get("visitor"),
  ): Promise<Response> {
    const headers = new Headers(init.headers);
    if (visitor) headers.set("X-Callboard-Visitor", visitor);
    let response: Response;
    try {
      response = await fetch(this.#base + path, {
        ...init,
        headers,
        credentials: "omit",
        referrerPolicy: "no-referrer",
        cache: "no-store",
        signal: signal ?? AbortSignal.timeout(CALL_MS),
      });
    } catch {
      throw new Refused(0);
    }
    if (!response.ok) throw new Refused(response.status, Number(response.headers.get("Retry-After") ?? 0) * 1000);
    return response;
  }
}
