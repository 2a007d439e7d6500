import { createContext, useContext, useMemo } from "react";
import { useIntegrations } from "../../api/integrations";
import { usePipelines } from "../../api/kommo";

type Copy = NonNullable<ReturnType<typeof usePipelines>["data"]>;

export interface Option {
  value: string;
  label: string;
}

/** What rules can name of the agent's Kommo account, as it was synced last. */
export interface Crm {
  stages: { group: string; items: Option[] }[];
  pipelines: Option[];
  users: Option[];
  fields: { lead: Option[]; contact: Option[] };
}

export const NO_CRM: Crm = { stages: [], pipelines: [], users: [], fields: { lead: [], contact: [] } };

const Context = createContext<Crm>(NO_CRM);
export const CrmProvider = Context.Provider;
export const useCrm = () => useContext(Context);

/** Read the copy of the agent's connected account, if it has one. */
export function useCopy(agentId: string): Crm {
  const all = useIntegrations();
  const copy = usePipelines(
    all.data?.items.find(
      ({ agent_id, channel, status }) => agent_id === agentId && channel === "kommo" && status !== "disconnected",
    ),
  ).data;
  return useMemo(() => (copy ? shownOf(copy) : NO_CRM), [copy]);
}

function shownOf(copy: Copy): Crm {
  const there = <T extends { change: string | null }>(items: T[]) => items.filter(({ change }) => change !== "removed");
  const named = ({ id, name }: { id: number; name: string }) => ({ value: String(id), label: name });
  const fields = (entity: string) => there(copy.fields).filter((field) => field.entity === entity);
  return {
    stages: there(copy.pipelines).map(({ id, name, stages }) => ({
      group: name,
      items: there(stages).map((stage) => ({ value: `${id}:${stage.id}`, label: stage.name })),
    })),
    pipelines: there(copy.pipelines).map(named),
    users: there(copy.users).map(named),
    fields: { lead: fields("leads").map(named), contact: fields("contacts").map(named) },
  };
}

/** What a fact of the CRM can be, as far as the account says so. */
export function answersOf(crm: Crm, fact: string): (Option | { group: string; items: Option[] })[] {
  if (fact === "lead.stage") return crm.stages;
  if (fact === "lead.pipeline" || fact === "lead.old_pipeline") return crm.pipelines;
  return fact.endsWith(".responsible") ? crm.users : [];
}
