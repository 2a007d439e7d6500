import type { TFunction } from "i18next";

const REASONS: [pattern: RegExp, key: string][] = [
  [/^needs a question/, "ask"],
  [/^needs a text in at least one language$/, "answer"],
  [/^has no text in (?<language>\w+)/, "language"],
  [/^no step before it remembers (?<name>\S+)$/, "not-remembered"],
  [/^there is no (?<name>[^;]+); there are/, "no-fact"],
  [/^no step leads here$/, "unreached"],
  [/^whatever is answered/, "endless"],
  [/^needs a text: the dialogue can end here$/, "finish"],
  [/^needs 1 to (?<count>\d+) options$/, "options"],
  [/^is, or reads, like another option$/, "alike"],
  [/^must contain a word/, "option"],
  [/^use latin letters/, "remember"],
  [/^is no regular expression/, "pattern"],
  [/^is below the lowest number$/, "max"],
  [/^is always true/, "always"],
  [/^there is no step /, "goto"],
  [/^must be an address/, "address"],
  [/^needs words in at least one language$/, "value"],
  [/^is longer than (?<count>\d+) characters$/, "long"],
  [/^at most (?<count>\d+) (steps|branches|sentences)$/, "many"],
  [/^not of small talk/, "small-talk"],
  [/^contains no word$/, "no-word"],
];

/** What is wrong with a dialogue, in the reader's language where we have words for it. */
export function faultWords(t: TFunction, pointer: string, reason: string): string {
  if (pointer.endsWith("/value") && /must not be empty|must be a text/.test(reason)) return t("dialogue.fault.value");
  for (const [pattern, key] of REASONS) {
    const found = pattern.exec(reason);
    if (found) return t(`dialogue.fault.${key}`, { ...found.groups });
  }
  return reason;
}

/** The same, with the question it is about. */
export function faultLine(t: TFunction, pointer: string, reason: string): string {
  const number = /^\/steps\/(?<number>\d+)/.exec(pointer)?.groups?.number;
  const words = faultWords(t, pointer, reason);
  return number === undefined ? words : t("dialogue.in-step", { number: Number(number) + 1, words });
}
