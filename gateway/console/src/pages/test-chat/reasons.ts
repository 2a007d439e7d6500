import type { TFunction } from "i18next";

const WAITS = "waits for an operator; ";

/** The API says reasons in English words of its own; those we know are said in the reader's language. */
export function translatedReason(t: TFunction, reason: string): string {
  if (reason.startsWith(WAITS)) return `${t("reason.waits")}; ${translatedReason(t, reason.slice(WAITS.length))}`;
  const script = /^script (.+)$/.exec(reason)?.[1];
  if (script) return t("reason.script", { script });
  const key = `reason.${reason.replace(/[^a-z]+/gi, "-").toLowerCase()}`;
  return t(key, { defaultValue: reason });
}
