import { useEffect, useRef, useSyncExternalStore } from "react";

export type LiveState = "connecting" | "live" | "reconnecting";

export interface LiveEvent {
  type: string;
  topic?: string;
  text?: string;
  turn_id?: string;
  messages?: string[];
  changed?: string[];
  items?: unknown[];
}

type Listener = (event: LiveEvent) => void;

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
// The server says something every 20 s; after this long the line is dead, whatever the browser thinks.
const SILENCE_MS = 45_000;
const LOGIN_ENDED = 4401;
/** Told to all listeners when events may have been missed. */
const MISSED: LiveEvent = { type: "missed" };

/** The one live connection of this tab: topics are subscribed while somebody listens. */
class Live {
  #socket: WebSocket | undefined;
  #state: LiveState = "connecting";
  #failures = 0;
  #wanted = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  readonly #topics = new Map<string, Set<Listener>>();
  readonly #watchers = new Set<() => void>();

  get state(): LiveState {
    return this.#state;
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  start(): () => void {
    this.#wanted = true;
    this.#connect();
    return () => {
      this.#wanted = false;
      clearTimeout(this.#retry);
      clearTimeout(this.#silence);
      this.#socket?.close();
      this.#socket = undefined;
      this.#become("connecting");
    };
  }

  listen(topic: string, listener: Listener): () => void {
    const listeners = this.#topics.get(topic) ?? new Set();
    if (listeners.size === 0) this.#send({ subscribe: [topic] });
    this.#topics.set(topic, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      this.#topics.delete(topic);
      this.#send({ unsubscribe: [topic] });
    };
  }

  #connect(): void {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live`);
    this.#socket = socket;
    socket.onmessage = (message) => {
      if (this.#socket === socket) this.#hear(JSON.parse(message.data));
    };
    socket.onclose = (closed) => {
      if (this.#socket === socket) this.#lost(closed.code);
    };
    this.#expectWords();
  }

  #hear(event: LiveEvent): void {
    this.#expectWords();
    if (event.type === "hello") {
      if (this.#topics.size > 0) this.#send({ subscribe: [...this.#topics.keys()] });
      if (this.#state === "reconnecting") this.#tell(MISSED);
      this.#failures = 0;
      this.#become("live");
    } else if (event.type === "reconnected") {
      this.#tell(MISSED);
    } else if (event.topic) {
      for (const listener of this.#topics.get(event.topic) ?? []) listener(event);
    }
  }

  #tell(event: LiveEvent): void {
    for (const listeners of this.#topics.values()) for (const listener of listeners) listener(event);
  }

  #lost(code: number): void {
    this.#socket = undefined;
    clearTimeout(this.#silence);
    if (!this.#wanted) return;
    this.#become("reconnecting");
    // The page asks the API again, which answers that the login ended.
    if (code === LOGIN_ENDED) this.#tell(MISSED);
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  #expectWords(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const silent = this.#socket;
      this.#lost(0);
      silent?.close();
    }, SILENCE_MS);
  }

  #send(command: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
  }

  #become(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher();
  }
}

const live = new Live();

export function useLiveConnection(): void {
  useEffect(() => live.start(), []);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(live.watch, () => live.state);
}

/** Hear what happens on a topic while the component is shown. */
export function useLive(topic: string | undefined, listener: Listener): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => (topic ? live.listen(topic, (event) => latest.current(event)) : undefined), [topic]);
}
