import IconRobot from "@tabler/icons-react/icons/IconRobot";
import { useTranslation } from "react-i18next";
import { Navigate } from "react-router";
import { useAgents } from "../api/agents";
import type { AgentsPage } from "../parts/PickAgent";
import { Empty, Failed, Loading } from "../parts/states";
import { useSession } from "./session";

/** Leads to the page of the first agent. */
export function FirstAgent({ page }: { page: AgentsPage }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const agents = useAgents();
  if (agents.isPending) return <Loading />;
  if (agents.isError) return <Failed error={agents.error} again={() => void agents.refetch()} />;
  const first = agents.data[0];
  if (!first) return <Empty icon={<IconRobot />} title={t("chat.no-agents")} text={t("agents.empty-text")} />;
  return <Navigate to={`/manage/${tenant.id}/ai-agents/${first.id}/${page}`} replace />;
}
