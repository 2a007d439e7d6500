import { bodyOf } from "../../api/scripts";
import type { Script, ScriptBody } from "../../api/types";
import { filled } from "./draft";

/** The fields of the form of a script; lists are texts with a line for each. */
export interface Values {
  name: string;
  enabled: boolean;
  priority: number;
  languages: string[];
  phrases: string;
  keywords: string;
  expressions: string;
  meanings: string;
  strictness: NonNullable<ScriptBody["strictness"]>;
  answer: Record<string, string>;
  alone: boolean;
  handoff: boolean;
}

export function valuesOf(known: Script | undefined, phrase: string): Values {
  const answer = { ru: "", en: "" };
  if (!known) {
    return {
      name: phrase,
      enabled: true,
      priority: 0,
      languages: [],
      phrases: phrase,
      keywords: "",
      expressions: "",
      meanings: "",
      strictness: "normal",
      answer,
      alone: false,
      handoff: false,
    };
  }
  const body = bodyOf(known);
  return {
    ...known,
    phrases: (body.phrases ?? []).join("\n"),
    keywords: (body.keywords ?? []).join("\n"),
    expressions: (body.expressions ?? []).join("\n"),
    meanings: (body.meanings ?? []).join("\n"),
    answer: { ...answer, ...known.answer },
  };
}

export function bodyFrom(values: Values): ScriptBody {
  const { name, enabled, priority, languages, strictness, alone, handoff } = values;
  return {
    name: name.trim(),
    enabled,
    priority: Number(priority),
    languages,
    phrases: lines(values.phrases),
    keywords: lines(values.keywords),
    expressions: lines(values.expressions),
    meanings: lines(values.meanings),
    strictness,
    answer: filled(values.answer),
    alone,
    handoff,
  };
}

/** Whether it listens for anything. */
export function listens({ phrases, keywords, expressions, meanings }: Values): boolean {
  return [phrases, keywords, expressions, meanings].some((text) => text.trim());
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
