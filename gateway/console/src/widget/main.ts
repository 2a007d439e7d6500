/**
 * The chat on a company's own site:
 *
 *     <script src="https://chat.example/widget.js" data-agent="cbw_…" async></script>
 *
 * `data-lang="ru"` or `"en"` overrides the page's language; the CSS property `--callboard-color` changes the colour.
 */
import { Api } from "./api";
import { Conversation } from "./conversation";
import { Memory } from "./memory";
import { textsFor } from "./texts";
import { View } from "./view";

function start(script: HTMLScriptElement): void {
  const token = script.dataset.agent ?? "";
  const language = script.dataset.lang || document.documentElement.lang || navigator.language;
  if (!token || document.querySelector(`callboard-widget[data-agent="${CSS.escape(token)}"]`)) return;
  const memory = new Memory(token);
  const view = new View(textsFor(language), token);
  new Conversation(new Api(new URL(script.src).origin, token, memory), memory, view).begin();
}

const own = document.currentScript;
if (own instanceof HTMLScriptElement) {
  if (document.body) start(own);
  else document.addEventListener("DOMContentLoaded", () => start(own), { once: true });
}
