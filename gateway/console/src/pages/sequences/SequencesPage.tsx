import { Button, Drawer, Select, Tabs } from "@mantine/core";
import IconSequences from "@tabler/icons-react/icons/IconMessage2Share";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { Navigate, useNavigate, useParams, useSearchParams } from "react-router";
import { useAgents } from "../../api/agents";
import { useSequences } from "../../api/sequences";
import type { Sequence } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { Runs } from "./Runs";
import { SequenceForm } from "./SequenceForm";
import { SequenceRow } from "./SequenceRow";

/** Sequences belong to an agent: this leads to those of the first. */
export function SequencesHome() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const agents = useAgents();
  if (agents.isPending) return <Loading />;
  if (agents.isError) return <Failed error={agents.error} again={() => void agents.refetch()} />;
  const first = agents.data[0];
  if (!first) return <Empty icon={<IconSequences />} title={t("chat.no-agents")} text={t("agents.empty-text")} />;
  return <Navigate to={`/manage/${tenant.id}/ai-agents/${first.id}/sequences`} replace />;
}

export function SequencesPage() {
  const { t } = useTranslation();
  const { agentId = "" } = useParams();
  const [query, setQuery] = useSearchParams();
  const sequences = useSequences(agentId);
  const mayEdit = useMay("admin");
  useTitle(t("page.sequences"));
  const open = (id: string | undefined) => setQuery(id ? { sequence: id } : {});
  const all = sequences.data ?? [];
  return (
    <Page>
      <PageHead title={t("page.sequences")} text={t("sequences.text")}>
        <PickAgent agentId={agentId} />
        {mayEdit && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => open("new")}>
            {t("sequences.create")}
          </Button>
        )}
      </PageHead>
      {sequences.isPending && <Loading />}
      {sequences.isError && <Failed error={sequences.error} again={() => void sequences.refetch()} />}
      {sequences.data && all.length === 0 && (
        <Empty icon={<IconSequences />} title={t("sequences.empty")} text={t("sequences.empty-text")} />
      )}
      <div>
        {all.map((sequence) => (
          <SequenceRow
            key={sequence.id}
            agentId={agentId}
            sequence={sequence}
            mayEdit={mayEdit}
            onOpen={() => open(sequence.id)}
          />
        ))}
      </div>
      <Opened
        agentId={agentId}
        sequences={sequences.data}
        opened={query.get("sequence") ?? undefined}
        mayEdit={mayEdit}
        onClose={() => open(undefined)}
      />
    </Page>
  );
}

interface OpenedProps {
  agentId: string;
  sequences: Sequence[] | undefined;
  opened: string | undefined;
  mayEdit: boolean;
  onClose: () => void;
}

function Opened({ agentId, sequences, opened, mayEdit, onClose }: OpenedProps) {
  const { t } = useTranslation();
  const known = sequences?.find(({ id }) => id === opened);
  const form = { agentId, mayEdit, onDone: onClose };
  return (
    <Drawer
      opened={opened === "new" || known !== undefined}
      onClose={onClose}
      position="right"
      size="xl"
      title={t(opened === "new" ? "sequences.create" : "sequences.edit")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {opened === "new" && <SequenceForm {...form} />}
      {known && (
        <Tabs defaultValue="plan" keepMounted={false}>
          <Tabs.List mb="md">
            <Tabs.Tab value="plan">{t("sequences.tab-plan")}</Tabs.Tab>
            <Tabs.Tab value="runs">{t("sequences.tab-runs")}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="plan">
            <SequenceForm key={known.version} {...form} known={known} />
          </Tabs.Panel>
          <Tabs.Panel value="runs">
            <Runs agentId={agentId} sequence={known} />
          </Tabs.Panel>
        </Tabs>
      )}
    </Drawer>
  );
}

function PickAgent({ agentId }: { agentId: string }) {
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
      onChange={(id) => id && void navigate(`/manage/${tenant.id}/ai-agents/${id}/sequences`)}
    />
  );
}
