import { type Api, Refused, type Said } from "./api";
import type { Memory, Pending } from "./memory";
import type { View } from "./view";

const WAITS_MS = [1000, 2000, 5000, 10_000, 30_000];
const LOOK_MS = 30_000; // for later answers while the chat is closed
const TYPING_MS = 30_000;
const AGAIN_MS = 5000;
const GONE_MS = 30_000;

/** What was said, and the way of what is written. */
export class Conversation {
  #last: string | undefined;
  #unread = 0;
  #stream: AbortController | undefined;
  #look: ReturnType<typeof setTimeout> | undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #sending = false;

  constructor(
    readonly api: Api,
    readonly memory: Memory,
    readonly view: View,
  ) {
    view.onToggle = (open) => this.#toggled(open);
    view.onSend = (text) => this.#write(text);
    view.onAgain = () => void this.#sendPending();
    document.addEventListener("visibilitychange", () => this.#attend());
    window.addEventListener("pagehide", () => this.#stream?.abort());
    window.addEventListener("pageshow", (event) => event.persisted && this.#attend());
  }

  /** Show the button, unless there is no chat for this site. */
  async begin(): Promise<void> {
    try {
      this.view.name(await this.api.open());
    } catch (error) {
      if (status(error) === 403 || status(error) === 404) return;
    }
    this.view.show(this.memory.get("open") ?? false);
    for (const message of this.memory.get("pending") ?? []) this.view.pending(message);
    await this.#catchUp();
    void this.#sendPending();
    this.#attend();
  }

  #toggled(open: boolean): void {
    this.memory.set({ open });
    if (open) this.#read();
    this.#attend();
  }

  #read(): void {
    this.#unread = 0;
    this.view.unread(0);
    this.memory.set({ seen: this.#last });
  }

  #write(text: string): void {
    const message: Pending = { message_id: fresh(), text };
    this.memory.set({ pending: [...(this.memory.get("pending") ?? []), message] });
    this.view.pending(message);
    void this.#sendPending();
  }

  /** Send what waits, in its order, one at a time. */
  async #sendPending(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let next = this.#nextPending(); next; next = this.#nextPending()) {
        this.view.sending(next.message_id);
        if (!this.memory.get("visitor")) this.view.name(await this.api.open());
        await this.api.write(next);
        this.#sent(next.message_id);
      }
      this.view.status("");
    } catch (error) {
      const first = this.#nextPending();
      if (first) this.view.failed(first.message_id, status(error) === 429);
      // The gateway or the line is away: it is stored once, however often it is sent.
      if (status(error) === 0 || status(error) >= 500) setTimeout(() => void this.#sendPending(), AGAIN_MS);
    } finally {
      this.#sending = false;
    }
  }

  #nextPending(): Pending | undefined {
    return this.memory.get("pending")?.[0];
  }

  #sent(messageId: string): void {
    const left = (this.memory.get("pending") ?? []).filter((one) => one.message_id !== messageId);
    this.memory.set({ pending: left, begun: true });
    this.view.accepted(messageId);
    this.#expectAnswer();
    this.#attend();
  }

  #expectAnswer(): void {
    clearTimeout(this.#typing);
    this.view.typing(true);
    this.#typing = setTimeout(() => this.view.typing(false), TYPING_MS);
  }

  #heard(said: Said): void {
    if (this.#last && BigInt(said.id) <= BigInt(this.#last)) return;
    this.#last = said.id;
    this.view.said(said);
    if (said.role === "customer") return;
    clearTimeout(this.#typing);
    this.view.typing(false);
    if (this.view.open) {
      this.memory.set({ seen: said.id });
    } else if (!this.memory.get("seen") || BigInt(said.id) > BigInt(this.memory.get("seen") ?? 0)) {
      this.#unread += 1;
      this.view.unread(this.#unread);
    }
  }

  async #catchUp(): Promise<void> {
    if (!this.memory.get("begun")) return;
    try {
      for (const said of await this.api.read(this.#last)) this.#heard(said);
    } catch {
      // The next look will find it.
    }
  }

  /** Hold a stream while somebody looks; look now and then while the chat is closed; do nothing in hidden tabs. */
  #attend(): void {
    clearTimeout(this.#look);
    const visible = document.visibilityState === "visible";
    if (visible && this.view.open && this.memory.get("begun")) {
      if (!this.#stream) void this.#hold();
      return;
    }
    this.#stream?.abort();
    this.#stream = undefined;
    if (visible && this.memory.get("begun")) {
      this.#look = setTimeout(async () => {
        await this.#catchUp();
        this.#attend();
      }, LOOK_MS);
    }
  }

  async #hold(): Promise<void> {
    const own = new AbortController();
    this.#stream = own;
    let failures = 0;
    const onOpen = () => {
      failures = 0;
      this.view.status("");
    };
    while (!own.signal.aborted) {
      let wait = 250;
      try {
        await this.api.stream(
          this.#last,
          own.signal,
          (said) => this.#heard(said),
          (delta) => this.view.delta(delta),
          onOpen,
        );
      } catch (error) {
        if (own.signal.aborted) return;
        const code = status(error);
        if (code === 403 || code === 404) wait = GONE_MS;
        wait = Math.max(wait, WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 0, retryAfter(error));
        failures += 1;
        if (code === 403 || code === 404) this.view.status("gone");
        else if (code === 0 && failures > 1) this.view.status("offline");
      }
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

function status(error: unknown): number {
  return error instanceof Refused ? error.status : 0;
}

function retryAfter(error: unknown): number {
  return error instanceof Refused ? error.retryAfterMs : 0;
}

/** `crypto.randomUUID` exists on secure pages only. */
function fresh(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
