import { freshKey } from "../../api/ids";
import type { Script, ScriptBody } from "../../api/types";

export const EXPECTS = ["text", "number", "phone", "email", "date", "choice", "yes_no"] as const;
export const ENDS = ["finish", "hand_off", "leave"] as const;
/** Where nothing else is said it goes on with the next question. */
export const NEXT = "*next";
const DAY_S = 86_400;
const ATTEMPTS = 3;

export type Expects = (typeof EXPECTS)[number];
export type Texts = Record<string, string>;

/** An answer to choose; its value is what is remembered, and follows the first label. */
export interface OptionDraft {
  key: string;
  value: string;
  label: Texts;
}

/** What an answer is asked for. Of a choice `value` is the key of an option. */
export interface TestDraft {
  op: string;
  value: string | number;
}

export interface BranchDraft {
  key: string;
  goto: string;
  test: TestDraft;
  /** A condition this form does not know; kept as it is. */
  when?: Record<string, unknown>;
}

/** A question while it is written; `key` is the page's own, `id` the stored one. */
export interface StepDraft {
  key: string;
  id: string;
  ask: Texts;
  expects: Expects;
  options: OptionDraft[];
  pattern: string;
  min: number | null;
  max: number | null;
  remember: string;
  retry: Texts;
  attempts: number;
  otherwise: string;
  branches: BranchDraft[];
  last: string;
}

/** What a part of a question's form is given. */
export interface StepProps {
  step: StepDraft;
  steps: StepDraft[];
  place: string;
  error: (pointer: string) => string | undefined;
  onChange: (step: StepDraft) => void;
}

export interface DialogueDraft {
  steps: StepDraft[];
  finish: Texts;
  leave: Texts;
  expires_s: number;
}

const OPERATORS: Record<Expects, string[]> = {
  text: ["is", "contains"],
  number: ["more", "less", "is", "at_least", "at_most"],
  phone: ["is", "starts_with"],
  email: ["is", "contains"],
  date: ["is", "starts_with"],
  choice: ["is"],
  yes_no: ["is"],
};

export function operatorsOf(expects: Expects): string[] {
  return OPERATORS[expects];
}

export function freshOption(): OptionDraft {
  return { key: freshKey(), value: "", label: {} };
}

export function freshBranch(step: StepDraft): BranchDraft {
  return { key: freshKey(), goto: "finish", test: freshTest(step) };
}

function freshTest({ expects, options }: StepDraft): TestDraft {
  const value = { number: 0, choice: options[0]?.key ?? "", yes_no: "yes" }[expects as string] ?? "";
  return { op: OPERATORS[expects][0] ?? "is", value };
}

export function freshStep(): StepDraft {
  return {
    key: freshKey(),
    id: freshKey().slice(0, 8),
    ask: {},
    expects: "text",
    options: [],
    pattern: "",
    min: null,
    max: null,
    remember: "",
    retry: {},
    attempts: ATTEMPTS,
    otherwise: "hand_off",
    branches: [],
    last: NEXT,
  };
}

/** The step with another kind of answer: what belonged to the old one goes. */
export function expecting(step: StepDraft, expects: Expects): StepDraft {
  const options = expects === "choice" ? [freshOption(), freshOption()] : [];
  return { ...step, expects, options, pattern: "", min: null, max: null, branches: [] };
}

export function readDialogue(script: Script | undefined): DialogueDraft {
  return {
    steps: (script?.steps ?? []).map((raw) => readStep(raw as Raw)),
    finish: script?.finish ?? {},
    leave: script?.leave ?? {},
    expires_s: script?.expires_s ?? DAY_S,
  };
}

export function writeDialogue(dialogue: DialogueDraft) {
  const { steps, finish, leave, expires_s } = dialogue;
  const written = steps.map(writeStep);
  return { steps: written, finish: filled(finish), leave: filled(leave), expires_s } satisfies Partial<ScriptBody>;
}

/** Texts by language, without those that nobody wrote. */
export function filled(texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text.trim()));
}

interface Raw extends Record<string, unknown> {
  options?: { value: string; label?: Texts }[];
  next?: { goto: string; when?: Record<string, unknown> }[];
}

function readStep(raw: Raw): StepDraft {
  const options = (raw.options ?? []).map(({ value, label }) => ({ key: freshKey(), value, label: label ?? {} }));
  const { next, ...rest } = raw;
  const step: StepDraft = { ...freshStep(), ...(rest as Partial<StepDraft>), options };
  const branches = next ?? [];
  const always = branches.length > 0 && isAlways(branches.at(-1)?.when);
  const last = always ? (branches.at(-1)?.goto ?? NEXT) : NEXT;
  const read = (always ? branches.slice(0, -1) : branches).map((branch) => readBranch(step, branch));
  return { ...step, branches: read, last };
}

function isAlways(when: Record<string, unknown> | undefined): boolean {
  return !when || Object.keys(when).length === 0 || (Array.isArray(when.all) && when.all.length === 0);
}

function readBranch(
  step: StepDraft,
  { goto, when = {} }: { goto: string; when?: Record<string, unknown> },
): BranchDraft {
  const branch = { key: freshKey(), goto, test: freshTest(step) };
  const fact = step.expects === "number" ? "answer.number" : "answer.text";
  const op = String(when.op);
  if (when.fact !== fact || !OPERATORS[step.expects].includes(op)) return { ...branch, when };
  if (step.expects !== "choice") return { ...branch, test: { op, value: when.value as string | number } };
  const option = step.options.find(({ value }) => value === when.value);
  return option ? { ...branch, test: { op, value: option.key } } : { ...branch, when };
}

function writeStep(step: StepDraft): Record<string, unknown> {
  const { key, options, branches, last, pattern, min, max, remember, retry, ...kept } = step;
  return {
    ...kept,
    ask: filled(step.ask),
    ...(options.length > 0 && {
      options: options.map(({ value, label }) => ({ value: value.trim(), label: filled(label) })),
    }),
    ...(pattern.trim() && { pattern: pattern.trim() }),
    ...(min !== null && { min }),
    ...(max !== null && { max }),
    ...(remember.trim() && { remember: remember.trim() }),
    ...(Object.keys(filled(retry)).length > 0 && { retry: filled(retry) }),
    next: [
      ...branches.map((branch) => ({ when: branch.when ?? writeTest(step, branch.test), goto: branch.goto })),
      ...(last === NEXT ? [] : [{ goto: last }]),
    ],
  };
}

function writeTest({ expects, options }: StepDraft, { op, value }: TestDraft): Record<string, unknown> {
  if (expects === "number") return { fact: "answer.number", op, value: Number(value) };
  const option = options.find(({ key }) => key === value)?.value.trim();
  return { fact: "answer.text", op, value: expects === "choice" ? (option ?? "") : value };
}

/** An option with other words; what is remembered follows them, unless somebody chose it apart. */
export function labelled(option: OptionDraft, language: string, text: string): OptionDraft {
  const follows = !option.value || Object.values(option.label)[0] === option.value;
  const label = { ...option.label, [language]: text };
  return { ...option, label, value: follows ? (Object.values(filled(label))[0] ?? "") : option.value };
}
