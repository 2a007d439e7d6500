import { useLocalStorage } from "@mantine/hooks";
import type { AcceptBody, FromSite, OpenQuestion, Proposals } from "../../api/types";

export type Proposal = Proposals["proposals"][number];

/** What the owner changed about one of them; what is left out is as it was proposed. */
export interface Change {
  declined?: boolean;
  name?: string;
  phrases?: string;
  answer?: string;
}

interface Draft {
  name?: string;
  changes: Record<string, Change>;
}

const EMPTY: Draft = { changes: {} };

/** What the owner decided so far; it is kept in this browser until the agent is created. */
export function useDraft(begun: FromSite) {
  const [draft, setDraft, forget] = useLocalStorage<Draft>({
    key: `callboard.from-site.${begun.agent_id}`,
    defaultValue: EMPTY,
    getInitialValueInEffect: false,
  });
  const change = (id: string, fresh: Change) =>
    setDraft((now) => ({ ...now, changes: { ...now.changes, [id]: { ...now.changes[id], ...fresh } } }));
  const rename = (name: string) => setDraft((now) => ({ ...now, name }));
  return { draft, change, rename, forget };
}

export type Decisions = ReturnType<typeof useDraft>;

/** Phrases are edited as lines. */
export function linesOf(phrases: readonly string[]): string {
  return phrases.join("\n");
}

function phrasesOf(lines: string): string[] {
  return lines
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** The name that the agent gets. */
export function nameOf(begun: FromSite, found: Proposals, draft: Draft): string {
  return draft.name ?? (found.name || begun.name);
}

/** What is sent: proposals that were not declined, and open questions that were answered. */
export function accepted(begun: FromSite, found: Proposals, draft: Draft): AcceptBody {
  const scripts = [
    ...found.proposals.filter(({ id }) => !draft.changes[id]?.declined),
    ...found.open.filter(({ id }) => draft.changes[id]?.answer?.trim()),
  ].map((one) => script(one, draft.changes[one.id] ?? {}));
  return { name: nameOf(begun, found, draft).trim(), scripts };
}

function script(one: Proposal | OpenQuestion, change: Change): AcceptBody["scripts"][number] {
  return {
    id: one.id,
    name: (change.name ?? one.name).trim(),
    phrases: phrasesOf(change.phrases ?? linesOf(one.phrases)),
    answer: (change.answer ?? ("answer" in one ? one.answer : "")).trim(),
  };
}
