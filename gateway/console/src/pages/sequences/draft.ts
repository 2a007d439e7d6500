import { freshKey } from "../../api/ids";
import { CRM_KINDS } from "../rules/CrmFields";
import { freshAction, freshTest, type GroupDraft, readGroup, writeCondition } from "../rules/draft";

const DAY_S = 86_400;

/** A step while it is written; `id` is the page's own. */
export interface StepDraft {
  id: string;
  raw: Record<string, unknown>;
  when?: GroupDraft;
}

export const KINDS = [
  "send",
  "send_script",
  "wait",
  "wait_until",
  "check",
  "add_tag",
  "remove_tag",
  "set_variable",
  "call_webhook",
  "notify",
  "assign",
  ...CRM_KINDS,
  "hand_off",
] as const;

export function freshStep(kind: string): StepDraft {
  const own: Record<string, Record<string, unknown>> = {
    wait: { do: kind, days: 1, seconds: 0 },
    wait_until: { do: kind, clock: "10:00", weekdays: [], days: 0 },
    check: { do: kind, otherwise: "finish", skip: 1 },
  };
  const step = { id: freshKey(), raw: { id: freshKey().slice(0, 8), ...(own[kind] ?? freshAction(kind).raw) } };
  return kind === "check" ? { ...step, when: { id: freshKey(), of: "all", items: [freshTest()] } } : step;
}

export function readStep(raw: Record<string, unknown>): StepDraft {
  const step = { id: freshKey(), raw };
  return raw.do === "check" ? { ...step, when: readGroup((raw.when ?? {}) as Record<string, unknown>) } : step;
}

export function writeStep({ raw, when }: StepDraft): Record<string, unknown> {
  return when ? { ...raw, when: writeCondition(when) } : raw;
}

/** A wait in seconds: whole days keep the time of day, so they are days in what is sent. */
export function waitSeconds(raw: Record<string, unknown>): number {
  return Number(raw.days ?? 0) * DAY_S + Number(raw.seconds ?? 0);
}

export function asWait(seconds: number): { days: number; seconds: number } {
  return seconds % DAY_S === 0 ? { days: seconds / DAY_S, seconds: 0 } : { days: 0, seconds };
}
