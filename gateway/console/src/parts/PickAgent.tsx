import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useAgents } from "../api/agents";
import { useSession } from "../app/session";

/** What belongs to an agent: its address ends so. */
export type AgentsPage = "scripts" | "rules" | "sequences" | "knowledge";

/** Leads to the same page of another agent. */
export function PickAgent({ agentId, page }: { agentId: string; page: AgentsPage }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const navigate = useNavigate();
  const agents = useAgents();
  return (
    <Select
      aria-label={t("chat.agent")}
      w={180}
      data={(agents.data ?? []).map((agent) => ({ value: agent.id, label: agent.name }))}
      value={agentId}
      allowDeselect={false}
      onChange={(id) => id && void navigate(`/manage/${tenant.id}/ai-agents/${id}/${page}`)}
    />
  );
}
