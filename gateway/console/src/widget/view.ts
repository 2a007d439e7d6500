import type { Delta, Said } from "./api";
import type { Pending } from "./memory";
import { css } from "./style";
import type { Texts } from "./texts";

type Attributes = Record<string, string>;
const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;
const MAX_TEXT = 4000;
const CHAT_ICON = "M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-8l-5 4v-4H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z";
const CLOSE_ICON = "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6 10.6 12 5 6.4z";
const SEND_ICON = "M3 20.5v-7l9-1.5-9-1.5v-7L22 12z";

function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function icon(path: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(svg.namespaceURI, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg as SVGElement;
}

/** The chat as it stands in the page: texts are text, whatever they look like. */
export class View {
  onToggle: (open: boolean) => void = () => {};
  onSend: (text: string) => void = () => {};
  onAgain: () => void = () => {};
  open = false;

  readonly #texts: Texts & { lang: string };
  readonly #host: HTMLElement;
  readonly #launcher = el("button", {
    type: "button",
    class: "launcher",
    "aria-controls": "panel",
    "aria-expanded": "false",
  });
  readonly #badge = el("span", { class: "badge", hidden: "", "aria-hidden": "true" });
  readonly #panel: HTMLElement;
  readonly #title = el("h2", { id: "title" });
  readonly #log: HTMLElement;
  readonly #list = el("div", { class: "list" });
  readonly #draft = el("div", { class: "bubble agent draft", hidden: "", "aria-hidden": "true" });
  readonly #typing = el("div", { class: "typing", hidden: "" });
  readonly #status = el("div", { class: "status", role: "status" });
  readonly #field: HTMLTextAreaElement;
  readonly #form: HTMLFormElement;
  readonly #pending = new Map<string, HTMLElement>();
  #turn = "";

  constructor(texts: Texts & { lang: string }, token: string) {
    this.#texts = texts;
    this.#host = el("callboard-widget" as "div", { "data-agent": token, lang: texts.lang });
    this.#title.textContent = texts.title;
    this.#list.append(el("p", { class: "empty" }, texts.empty));
    this.#log = el(
      "div",
      { class: "log", role: "log", "aria-label": texts.log, tabindex: "0" },
      this.#list,
      this.#draft,
      this.#typing,
    );
    this.#field = el("textarea", {
      rows: "1",
      maxlength: String(MAX_TEXT),
      "aria-label": texts.label,
      placeholder: texts.label,
    });
    const send = el("button", { type: "submit", class: "send", "aria-label": texts.send }, icon(SEND_ICON));
    this.#form = el("form", {}, this.#field, send);
    const close = el("button", { type: "button", class: "close", "aria-label": texts.close }, icon(CLOSE_ICON));
    const head = el("div", { class: "head" }, this.#title, close);
    const attributes = { id: "panel", class: "panel", role: "dialog", "aria-labelledby": "title", hidden: "" };
    this.#panel = el("section", attributes, head, this.#log, this.#status, this.#form);
    this.#launcher.append(icon(CHAT_ICON), this.#badge);
    this.unread(0);
    this.#wire(close);
  }

  /** Put it into the page. */
  show(open: boolean): void {
    const root = this.#host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet(); // allowed under every Content-Security-Policy, unlike <style>
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    root.append(this.#panel, this.#launcher);
    document.body.append(this.#host);
    if (open) this.#toggle(true, false);
  }

  name(agent: string): void {
    if (agent) this.#title.textContent = agent;
  }

  unread(count: number): void {
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 9 ? "9+" : String(count);
    this.#launcher.setAttribute("aria-label", count > 0 ? this.#texts.unread(count) : this.#texts.open);
  }

  said(said: Said): void {
    const own = said.role === "customer";
    if (own && said.message_id) this.#forget(said.message_id);
    if (!own) this.#draft.hidden = true;
    const text = said.attachment ? `${said.text}\n${said.attachment.url}`.trim() : said.text;
    const bubble = this.#bubble(text, own ? "own" : "agent");
    if (said.buttons.length > 0)
      bubble.append(el("div", { class: "buttons" }, ...said.buttons.map((b) => this.#button(b))));
    this.#add(bubble);
  }

  pending(message: Pending): void {
    const bubble = this.#bubble(message.text, "own waiting");
    this.#pending.set(message.message_id, bubble);
    this.#add(bubble);
  }

  sending(messageId: string): void {
    const bubble = this.#pending.get(messageId);
    bubble?.querySelector(".failed")?.remove();
    bubble?.classList.add("waiting");
  }

  accepted(messageId: string): void {
    this.#pending.get(messageId)?.classList.remove("waiting");
  }

  failed(messageId: string, tooMany: boolean): void {
    const again = el("button", { type: "button" }, this.#texts.again);
    again.addEventListener("click", () => this.onAgain());
    const words = tooMany ? this.#texts.wait : this.#texts.notSent;
    const bubble = this.#pending.get(messageId);
    bubble?.querySelector(".failed")?.remove();
    bubble?.append(el("div", { class: "failed", role: "alert" }, `${words} `, again));
    this.#scroll();
  }

  typing(on: boolean): void {
    this.#typing.hidden = !on;
    this.#typing.textContent = `${this.#title.textContent} ${this.#texts.typing}`;
    if (!on) this.#draft.hidden = true;
    this.#scroll();
  }

  delta(delta: Delta): void {
    if (delta.turn_id !== this.#turn) this.#draft.textContent = "";
    this.#turn = delta.turn_id;
    this.#draft.textContent += delta.text;
    this.#draft.hidden = false;
    this.#typing.hidden = true;
    this.#scroll();
  }

  status(which: "" | "offline" | "gone"): void {
    this.#status.textContent = which ? this.#texts[which] : "";
  }

  #wire(close: HTMLElement): void {
    this.#launcher.addEventListener("click", () => this.#toggle(!this.open, true));
    close.addEventListener("click", () => this.#toggle(false, true));
    this.#panel.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the page's shortcuts are not meant
      if (event.key === "Escape") this.#toggle(false, true);
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    this.#field.addEventListener("input", () => this.#grow());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#field.value.trim();
      if (!text) return;
      this.#field.value = "";
      this.#grow();
      this.onSend(text);
    });
  }

  #toggle(open: boolean, focus: boolean): void {
    if (this.open === open) return;
    this.open = open;
    this.#panel.hidden = !open;
    this.#launcher.setAttribute("aria-expanded", String(open));
    if (focus) (open ? this.#field : this.#launcher).focus();
    this.#scroll();
    this.onToggle(open);
  }

  #grow(): void {
    this.#field.rows = Math.min(5, this.#field.value.split("\n").length);
  }

  #bubble(text: string, kind: string): HTMLElement {
    const body = el("div", { class: "text" });
    let from = 0;
    for (const found of text.matchAll(LINK)) {
      const link = el("a", { href: found[0], target: "_blank", rel: "noopener noreferrer nofollow" }, found[0]);
      body.append(text.slice(from, found.index), link);
      from = found.index + found[0].length;
    }
    body.append(text.slice(from));
    const name = kind === "agent" ? (this.#title.textContent ?? "") : this.#texts.you;
    return el("div", { class: `bubble ${kind}` }, el("span", { class: "hidden" }, `${name}: `), body);
  }

  #button({ text, url }: Said["buttons"][number]): HTMLElement {
    if (url) return el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
    const button = el("button", { type: "button" }, text);
    button.addEventListener("click", () => this.onSend(text));
    return button;
  }

  #add(bubble: HTMLElement): void {
    this.#list.querySelector(".empty")?.remove();
    this.#list.append(bubble);
    // What is on its way stands below what was said.
    for (const waiting of this.#pending.values()) if (waiting !== bubble) this.#list.append(waiting);
    this.#scroll();
  }

  #forget(messageId: string): void {
    this.#pending.get(messageId)?.remove();
    this.#pending.delete(messageId);
  }

  #scroll(): void {
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}
