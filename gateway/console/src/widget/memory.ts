/** A message that the gateway has not confirmed yet; it is sent again after a reload, and stored once. */
export interface Pending {
  message_id: string;
  text: string;
}

interface Remembered {
  visitor?: string;
  begun?: boolean;
  open?: boolean;
  seen?: string;
  pending?: Pending[];
}

/** What this browser remembers of the conversation; where storage is forbidden, until the page is left. */
export class Memory {
  readonly #key: string;
  #known: Remembered;

  constructor(token: string) {
    this.#key = `callboard:${token}`;
    this.#known = this.#read();
  }

  get<K extends keyof Remembered>(name: K): Remembered[K] {
    return this.#known[name];
  }

  set(changes: Remembered): void {
    // Another tab may have written meanwhile.
    this.#known = { ...this.#known, ...this.#read(), ...changes };
    try {
      localStorage.setItem(this.#key, JSON.stringify(this.#known));
    } catch {
      // Forbidden or full.
    }
  }

  #read(): Remembered {
    try {
      const found: unknown = JSON.parse(localStorage.getItem(this.#key) ?? "{}");
      return found && typeof found === "object" ? found : {};
    } catch {
      return {};
    }
  }
}
