import type { TFunction } from "i18next";

export interface Line {
  at: number;
  text: string;
  differs: boolean;
}

// Longer texts are shown where they differ, with some lines around.
const WHOLE = 8;
const AROUND = 1;
const LANGUAGE = /^[a-z]{2,3}$/;

/** A value as lines that people read; undefined if only its structure says it. */
export function inWords(t: TFunction, name: string, value: unknown): string[] | undefined {
  if (isNothing(value)) return [];
  if (typeof value === "boolean") return [t(value ? "differs.yes" : "differs.no")];
  if (typeof value === "number") return [String(value)];
  if (typeof value === "string") return word(t, name, value).split("\n");
  if (Array.isArray(value))
    return value.every((item) => typeof item === "string") ? value.map((item) => word(t, name, item)) : undefined;
  return name === "hours" ? undefined : byLanguage(t, value as Record<string, unknown>);
}

/** The lines of one side; those that the other does not have differ, and long runs that it has too are left out. */
export function linesBeside(lines: string[], other: string[]): Line[] {
  const known = new Set(other);
  const all = lines.map((text, at) => ({ at, text, differs: !known.has(text) }));
  if (all.length <= WHOLE || !all.some((line) => line.differs)) return all;
  const near = (at: number) => all.slice(Math.max(0, at - AROUND), at + AROUND + 1).some((line) => line.differs);
  return all.flatMap((line) => {
    if (near(line.at)) return [line];
    return line.at === 0 || near(line.at - 1) ? [{ ...line, text: "⋯" }] : [];
  });
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  if (typeof value !== "object") return false;
  const inner = Object.values(value);
  return inner.length === 0 || ("all" in value && inner.length === 1 && isNothing(value.all));
}

function byLanguage(t: TFunction, value: Record<string, unknown>): string[] | undefined {
  const texts = Object.entries(value);
  if (!texts.every(([language, text]) => LANGUAGE.test(language) && typeof text === "string")) return undefined;
  return texts.flatMap(([language, text]) => {
    const [first, ...rest] = String(text).split("\n");
    return [`${t(`language.${language}`, { defaultValue: language })}: ${first}`, ...rest];
  });
}

/** The API's words as forms show them. */
function word(t: TFunction, name: string, value: string): string {
  const words: Record<string, string> = {
    strictness: "scripts.strictnesses",
    limit: "rules.limits",
    again: "sequences.again",
    stops_on: "sequences.stops",
    languages: "language",
    language: "language",
  };
  return words[name] ? t(`${words[name]}.${value}`, { defaultValue: value }) : value;
}
