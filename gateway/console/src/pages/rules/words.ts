import type { TFunction } from "i18next";

const UNKNOWN = "unknown: ";
const NO_CHAT = "a schedule has no conversation";
const ASKS = " asks questions: a dialogue begins only by what a customer says";
const WAITED = /^wait (?<seconds>[\d.]+) s$/;
const DONE: [pattern: RegExp, key: string][] = [
  [/^send$/, "rules.done.send"],
  [/^script (?<name>\S+)$/, "rules.done.script"],
  [/^tag -(?<name>.+)$/, "rules.done.remove-tag"],
  [/^tag (?<name>[^:]+)$/, "rules.done.add-tag"],
  [/^tag (?<name>[^:]+): has it already$/, "rules.done.has-tag"],
  [/^variable (?<name>[^:]+)$/, "rules.done.variable"],
  [/^assign (?<name>\S+)$/, "rules.done.assign"],
  [/^hand off$/, "rules.done.hand-off"],
  [/^hand off: people have it already$/, "rules.done.handed-off"],
  [/^webhook$/, "rules.done.webhook"],
  [/^notice$/, "rules.done.notice"],
  [/^start sequence (?<name>\S+)$/, "rules.done.start-sequence"],
  [/^stop sequence (?<name>\S+)$/, "rules.done.stop-sequence"],
  [/^stop$/, "rules.done.stop"],
  [/^\w+: there is no conversation$/, "rules.done.no-chat"],
  [/^to the chat: send$/, "rules.done.to-chat"],
  [/^to the chat: send_script$/, "rules.done.to-chat"],
  [/^not said: a person has the conversation$/, "rules.done.person"],
];

export function factName(t: TFunction, fact: string): string {
  const field = /^(?<entity>lead|contact)\.field\.(?<id>\d+)$/.exec(fact)?.groups;
  if (field) return t(`rules.crm.field-of-${field.entity}`, { name: field.id });
  if (fact.startsWith("variable.")) return t("rules.fact.variable", { name: fact.slice("variable.".length) });
  if (fact.startsWith("hook.")) return t("rules.fact.hook", { name: fact.slice("hook.".length) });
  return t(`rules.fact.${fact.replace(/[._]/g, "-")}`, { defaultValue: fact });
}

/** The API says why in words of its own; those we know are said in the reader's language. */
export function whyNot(t: TFunction, reason: string): string {
  if (reason.startsWith(UNKNOWN)) return t("rules.why.unknown", { test: question(t, reason.slice(UNKNOWN.length)) });
  const sentence = t(`rules.why.${reason.replace(/[^a-z]+/gi, "-").toLowerCase()}`, { defaultValue: "" });
  return sentence || question(t, reason);
}

/** Return `message.text contains x` in words. */
export function question(t: TFunction, text: string): string {
  const [fact = "", op = "", ...rest] = text.split(" ");
  const asked = t(`rules.op.${op}`, { defaultValue: "" });
  return asked ? [factName(t, fact), asked, ...rest].join(" ") : text;
}

export function whatWasDone(t: TFunction, done: string): string {
  const waited = WAITED.exec(done);
  if (waited) return t("rules.done.wait", { time: duration(t, Number(waited.groups?.seconds)) });
  if (/^crm_[a-z]+$/.test(done)) return t(`rules.do.${done}`);
  for (const [pattern, key] of DONE) {
    const found = pattern.exec(done);
    if (found) return t(key, { ...found.groups });
  }
  return done;
}

export function duration(t: TFunction, seconds: number): string {
  const unit = unitOf(seconds);
  return t(`rules.time.${unit}`, { count: seconds / UNITS[unit] });
}

export const UNITS = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 } as const;
export type Unit = keyof typeof UNITS;

/** The largest unit in which it is a whole number. */
export function unitOf(seconds: number): Unit {
  const units = ["days", "hours", "minutes"] as const;
  return units.find((unit) => seconds >= UNITS[unit] && seconds % UNITS[unit] === 0) ?? "seconds";
}

/** What is wrong, by its place: the API's own words where we have none. */
export function faultText(t: TFunction, pointer: string, reason: string): string {
  if (reason.startsWith(NO_CHAT)) return t("rules.fault.no-chat");
  if (reason.includes(ASKS)) return t("rules.fault.asks");
  const name = pointer.split("/").at(-1) ?? "";
  return t(`rules.fault.${name}`, { defaultValue: reason });
}
