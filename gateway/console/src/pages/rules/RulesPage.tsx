import { Button, Drawer, Select, Tabs } from "@mantine/core";
import IconBolt from "@tabler/icons-react/icons/IconBolt";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { Navigate, useNavigate, useParams, useSearchParams } from "react-router";
import { useAgents } from "../../api/agents";
import { useOrderRules, useRules } from "../../api/rules";
import type { Rule } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { Executions } from "./Executions";
import { RuleForm } from "./RuleForm";
import { RuleRow } from "./RuleRow";

/** Rules belong to an agent: this leads to those of the first. */
export function RulesHome() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const agents = useAgents();
  if (agents.isPending) return <Loading />;
  if (agents.isError) return <Failed error={agents.error} again={() => void agents.refetch()} />;
  const first = agents.data[0];
  if (!first) return <Empty icon={<IconBolt />} title={t("chat.no-agents")} text={t("agents.empty-text")} />;
  return <Navigate to={`/manage/${tenant.id}/ai-agents/${first.id}/rules`} replace />;
}

export function RulesPage() {
  const { t } = useTranslation();
  const { agentId = "" } = useParams();
  const [query, setQuery] = useSearchParams();
  const rules = useRules(agentId);
  const order = useOrderRules(agentId);
  const mayEdit = useMay("admin");
  useTitle(t("page.rules"));
  const open = (id: string | undefined) => setQuery(id ? { rule: id } : {});
  const all = rules.data ?? [];
  const move = (number: number, by: number) => {
    const ids = all.map(({ id }) => id);
    const [taken] = ids.splice(number, 1);
    if (taken) ids.splice(number + by, 0, taken);
    order.mutate(ids);
  };
  return (
    <Page>
      <PageHead title={t("page.rules")} text={t("rules.text")}>
        <PickAgent agentId={agentId} />
        {mayEdit && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => open("new")}>
            {t("rules.create")}
          </Button>
        )}
      </PageHead>
      {rules.isPending && <Loading />}
      {rules.isError && <Failed error={rules.error} again={() => void rules.refetch()} />}
      {rules.data && all.length === 0 && (
        <Empty icon={<IconBolt />} title={t("rules.empty")} text={t("rules.empty-text")} />
      )}
      <div>
        {all.map((rule, number) => (
          <RuleRow
            key={rule.id}
            agentId={agentId}
            rule={rule}
            mayEdit={mayEdit}
            onOpen={() => open(rule.id)}
            onMove={order.isPending ? undefined : (by) => move(number, by)}
            first={number === 0}
            last={number === all.length - 1}
          />
        ))}
      </div>
      <Opened
        agentId={agentId}
        rules={rules.data}
        opened={query.get("rule") ?? undefined}
        mayEdit={mayEdit}
        onClose={() => open(undefined)}
      />
    </Page>
  );
}

interface OpenedProps {
  agentId: string;
  rules: Rule[] | undefined;
  opened: string | undefined;
  mayEdit: boolean;
  onClose: () => void;
}

function Opened({ agentId, rules, opened, mayEdit, onClose }: OpenedProps) {
  const { t } = useTranslation();
  const known = rules?.find(({ id }) => id === opened);
  const form = { agentId, mayEdit, onDone: onClose };
  return (
    <Drawer
      opened={opened === "new" || known !== undefined}
      onClose={onClose}
      position="right"
      size="xl"
      title={t(opened === "new" ? "rules.create" : "rules.edit")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {opened === "new" && <RuleForm {...form} />}
      {known && (
        <Tabs defaultValue="rule" keepMounted={false}>
          <Tabs.List mb="md">
            <Tabs.Tab value="rule">{t("rules.tab-rule")}</Tabs.Tab>
            <Tabs.Tab value="log">{t("rules.tab-log")}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="rule">
            <RuleForm key={known.version} {...form} known={known} />
          </Tabs.Panel>
          <Tabs.Panel value="log">
            <Executions agentId={agentId} ruleId={known.id} />
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
      onChange={(id) => id && void navigate(`/manage/${tenant.id}/ai-agents/${id}/rules`)}
    />
  );
}
