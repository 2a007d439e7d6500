import { freshKey } from "../../api/ids";

export type Value = string | number | boolean | (string | number)[] | null;

export interface TestDraft {
  id: string;
  fact: string;
  op: string;
  value: Value;
}

export interface GroupDraft {
  id: string;
  of: "all" | "any" | "none";
  items: ConditionDraft[];
}

export type ConditionDraft = TestDraft | GroupDraft;

export interface ActionDraft {
  id: string;
  raw: Record<string, unknown>;
}

export function isGroup(item: ConditionDraft): item is GroupDraft {
  return "items" in item;
}

/** Read a condition; the outermost is always a group. */
export function readGroup(raw: Record<string, unknown>): GroupDraft {
  const read = readCondition(raw);
  return isGroup(read) ? read : { id: freshKey(), of: "all", items: [read] };
}

function readCondition(raw: Record<string, unknown>): ConditionDraft {
  for (const of of ["all", "any"] as const) {
    if (Array.isArray(raw[of])) return { id: freshKey(), of, items: raw[of].map((item) => readCondition(item)) };
  }
  if (raw.not && typeof raw.not === "object") {
    const inner = readCondition(raw.not as Record<string, unknown>);
    return { id: freshKey(), of: "none", items: isGroup(inner) && inner.of === "any" ? inner.items : [inner] };
  }
  return { id: freshKey(), fact: String(raw.fact), op: String(raw.op), value: (raw.value ?? null) as Value };
}

export function writeCondition(item: ConditionDraft): Record<string, unknown> {
  if (!isGroup(item)) return { fact: item.fact, op: item.op, ...(item.value === null ? {} : { value: item.value }) };
  const items = item.items.map(writeCondition);
  return item.of === "none" ? { not: { any: items } } : { [item.of]: items };
}

/** Where the items of a group are in what is sent, as the API names places. */
export function placeOf(group: GroupDraft, place: string): string {
  return group.of === "none" ? `${place}/not/any` : `${place}/${group.of}`;
}

export function freshTest(): TestDraft {
  return { id: freshKey(), fact: "message.text", op: "contains", value: "" };
}

export function freshGroup(): GroupDraft {
  return { id: freshKey(), of: "any", items: [freshTest()] };
}

export function freshAction(kind: string): ActionDraft {
  const fields: Record<string, Record<string, unknown>> = {
    send: { text: {} },
    send_script: { script: "" },
    set_variable: { name: "", value: "" },
    add_tag: { tag: "" },
    remove_tag: { tag: "" },
    call_webhook: { url: "" },
    notify: { text: "" },
    assign: { user: "" },
    start_sequence: { sequence: "" },
    stop_sequence: { sequence: "" },
    wait: { seconds: 3600 },
    crm_contact: { name: "{contact.name}" },
    crm_lead: { name: "{contact.name}" },
    crm_move: { pipeline: 0, stage: 0 },
    crm_fields: { on: "lead", fields: {} },
    crm_tags: { on: "lead", tags: [] },
    crm_note: { on: "lead", text: "" },
    crm_task: { on: "lead", text: "", due_s: 86_400 },
    crm_responsible: { on: "lead", user: 0 },
  };
  return { id: freshKey(), raw: { do: kind, ...fields[kind] } };
}

/** A value that fits a question at the start. */
export function freshValue(kind: string, op: string): Value {
  if (op === "known" || op === "unknown") return null;
  if (op === "one_of" || op === "none_of" || op === "has_any") return [];
  if (op === "between") return kind === "clock" ? ["22:00", "08:00"] : [0, 100];
  if (kind === "number") return 0;
  if (kind === "flag") return true;
  return kind === "clock" ? "09:00" : "";
}
