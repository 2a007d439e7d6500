import type { TFunction } from "i18next";

const WAITS = "waits for an operator; ";
/** Reasons with values in them; `script` is the id of one. */
const PATTERNS: [pattern: RegExp, key: string][] = [
  [/^script (?<script>\S+)$/, "reason.script"],
  [/^priority (?<mine>-?\d+) is below (?<best>-?\d+) of (?<script>\S+)$/, "reason.priority-below"],
  [/^score (?<mine>\d+) is below (?<best>\d+) of (?<script>\S+)$/, "reason.score-below"],
  [/^same priority and score as (?<script>\S+), which comes first$/, "reason.comes-later"],
  [/^the limit of (?<count>\d+) answers a day is reached$/, "reason.answers-per-day"],
  [/^less alike than (?<script>\S+)$/, "reason.less-alike"],
  [/^as alike as (?<script>\S+), which comes first$/, "reason.as-alike"],
];

/** The API says reasons in English words of its own; those we know are said in the reader's language. */
export function translatedReason(
  t: TFunction,
  reason: string,
  nameOf: (scriptId: string) => string = (id) => id,
): string {
  if (reason.startsWith(WAITS))
    return `${t("reason.waits")}; ${translatedReason(t, reason.slice(WAITS.length), nameOf)}`;
  for (const [pattern, key] of PATTERNS) {
    const { groups } = pattern.exec(reason) ?? {};
    if (groups) return t(key, { ...groups, script: nameOf(groups.script ?? "") });
  }
  return t(`reason.${reason.replace(/[^a-z]+/gi, "-").toLowerCase()}`, { defaultValue: reason });
}
