import type { TFunction } from "i18next";

const REASONS: [pattern: RegExp, key: string][] = [
  [/^needs a question/, "ask"],
  [/^needs a text in at least one language$/, "answer"],
  [/^has no text in (?<language>\w+)/, "language"],
  [/^(?<name>\S+) is blank on the way over the steps (?<way>[\d, ]+):/, "blank"],
  [/^(?<name>\S+) is blank at the beginning$/, "blank-first"],
  [/^(?<sign>\\\w) knows Latin letters only, .* write (?<instead>.+)$/, "latin"],
  [/^no step before it remembers (?<name>\S+)$/, "not-remembered"],
  [/^there is no (?<name>[^;]+); there are/, "no-fact"],
  [/^no step leads here$/, "unreached"],
  [/^whatever is answered/, "endless"],
  [/^needs a text: the dialogue can end here$/, "finish"],
  [/^needs 1 to (?<count>\d+) options$/, "options"],
  [/^is, or reads, like another option$/, "alike"],
  [/^must contain a word/, "option"],
  [/^use latin letters/, "remember"],
  [/^is no regular expression \(RE2\): (?<why>.+)$/s, "pattern"],
  [/^must be an expression of at most (?<count>\d+) characters$/, "long"],
  [/^is below the lowest number$/, "max"],
  [/^is always true/, "always"],
  [/^there is no step /, "goto"],
  [/^must be an address/, "address"],
  [/^needs words in at least one language$/, "value"],
  [/^is longer than (?<count>\d+) characters$/, "long"],
  [/^String should have at most (?<count>\d+) characters?$/, "long"],
  [/^at most (?<count>\d+) (steps|branches|sentences)$/, "many"],
  [/^not of small talk/, "small-talk"],
  [/^contains no word$/, "no-word"],
];

/** What is wrong with a dialogue, in the reader's language where we have words for it. */
export function faultWords(t: TFunction, pointer: string, reason: string): string {
  if (pointer.endsWith("/value") && /must not be empty|must be a text/.test(reason)) return t("dialogue.fault.value");
  for (const [pattern, key] of REASONS) {
    const found = pattern.exec(reason);
    if (found) return t(`dialogue.fault.${key}`, spoken(t, found.groups));
  }
  return reason;
}

/** The API's words join what may be written with "or". */
function spoken(t: TFunction, groups: Record<string, string> = {}): Record<string, string> {
  return groups.instead ? { ...groups, instead: groups.instead.split(" or ").join(` ${t("dialogue.or")} `) } : groups;
}

/** The same, with the place it is about. */
export function faultLine(t: TFunction, pointer: string, reason: string): string {
  const words = faultWords(t, pointer, reason);
  const place = placeOf(t, pointer);
  return place ? t("dialogue.at", { place, words }) : words;
}

/** The same of one script of a file, with its name. */
export function fileFaultLine(t: TFunction, scripts: { name: string }[], pointer: string, reason: string): string {
  const [, number = "", within = ""] = /^\/scripts\/(\d+)(.*)$/.exec(pointer) ?? [];
  const words = faultLine(t, within, reason);
  if (!number) return words;
  const name = scripts[Number(number)]?.name;
  return t("dialogue.at", {
    place: name ? t("scripts.in-file", { name }) : t("scripts.in-file-number", { number: Number(number) + 1 }),
    words,
  });
}

const LISTS = ["steps", "phrases", "keywords", "meanings", "expressions", "buttons"];
const TEXTS = ["answer", "finish", "leave"];

function placeOf(t: TFunction, pointer: string): string {
  const [, part = "", inner = ""] = pointer.split("/");
  if (LISTS.includes(part) && inner) return t(`dialogue.place.${part}`, { number: Number(inner) + 1 });
  if (part === "when" || part === "attachment") return t(`dialogue.place.${part}`);
  if (!TEXTS.includes(part)) return "";
  return [t(`dialogue.place.${part}`), ...(inner ? [t(`language.${inner}`, { defaultValue: inner })] : [])].join(" · ");
}
