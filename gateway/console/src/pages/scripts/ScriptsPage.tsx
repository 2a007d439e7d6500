import { Button, Group, Select } from "@mantine/core";
import IconList from "@tabler/icons-react/icons/IconListDetails";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import { useTranslation } from "react-i18next";
import { Navigate, useNavigate, useParams } from "react-router";
import { useAgents } from "../../api/agents";
import { useScripts } from "../../api/scripts";
import type { Agent } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { Editing } from "./Editing";
import { Files } from "./Files";
import { Filters } from "./Filters";
import { ScriptRow } from "./ScriptRow";
import { useScriptsState } from "./state";
import { TryPhrase } from "./TryPhrase";

/** Scripts belong to an agent: this leads to those of the first. */
export function ScriptsHome() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const agents = useAgents();
  if (agents.isPending) return <Loading />;
  if (agents.isError) return <Failed error={agents.error} again={() => void agents.refetch()} />;
  const first = agents.data[0];
  if (!first) return <Empty icon={<IconRobot />} title={t("chat.no-agents")} text={t("agents.empty-text")} />;
  return <Navigate to={`/manage/${tenant.id}/ai-agents/${first.id}/scripts`} replace />;
}

export function ScriptsPage() {
  const { t } = useTranslation();
  const { agentId = "" } = useParams();
  const agents = useAgents();
  const state = useScriptsState();
  const list = useScripts(agentId, state.filter);
  const mayEdit = useMay("admin");
  useTitle(t("page.scripts"));
  const scripts = list.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.keys(state.filter).length > 0;
  return (
    <Page>
      <PageHead title={t("page.scripts")} text={t("scripts.text")}>
        <PickAgent agents={agents.data ?? []} agentId={agentId} />
        {mayEdit && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => state.open("new")}>
            {t("scripts.create")}
          </Button>
        )}
        <Files agentId={agentId} mayEdit={mayEdit} />
      </PageHead>
      <TryPhrase agentId={agentId} />
      <Filters state={state} />
      {list.isPending && <Loading />}
      {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && scripts.length === 0 && (
        <Empty
          icon={<IconList />}
          title={t(filtered ? "scripts.none-found" : "scripts.empty")}
          text={t(filtered ? "scripts.none-found-text" : "scripts.empty-text")}
        />
      )}
      <div>
        {scripts.map((script) => (
          <ScriptRow
            key={script.id}
            agentId={agentId}
            script={script}
            mayEdit={mayEdit}
            onOpen={() => state.open(script.id)}
          />
        ))}
      </div>
      {list.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t("app.more")}
          </Button>
        </Group>
      )}
      <Editing agentId={agentId} opened={state.opened} onClose={() => state.open(undefined)} mayEdit={mayEdit} />
    </Page>
  );
}

function PickAgent({ agents, agentId }: { agents: Agent[]; agentId: string }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const navigate = useNavigate();
  return (
    <Select
      aria-label={t("chat.agent")}
      w={180}
      data={agents.map((agent) => ({ value: agent.id, label: agent.name }))}
      value={agentId}
      allowDeselect={false}
      onChange={(id) => id && void navigate(`/manage/${tenant.id}/ai-agents/${id}/scripts`)}
    />
  );
}
