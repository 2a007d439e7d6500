import { Button } from "@mantine/core";
import IconBolt from "@tabler/icons-react/icons/IconBolt";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useOrderRules, useRules } from "../../api/rules";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { EditDrawer } from "../../parts/EditDrawer";
import { Page, PageHead } from "../../parts/PageHead";
import { PickAgent } from "../../parts/PickAgent";
import { Empty, Failed, Loading } from "../../parts/states";
import { Executions } from "./Executions";
import { RuleForm } from "./RuleForm";
import { RuleRow } from "./RuleRow";

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
  const opened = query.get("rule") ?? undefined;
  const known = all.find(({ id }) => id === opened);
  const form = { agentId, mayEdit, onDone: () => open(undefined) };
  const move = (number: number, by: number) => {
    const ids = all.map(({ id }) => id);
    const [taken] = ids.splice(number, 1);
    if (taken) ids.splice(number + by, 0, taken);
    order.mutate(ids);
  };
  return (
    <Page>
      <PageHead title={t("page.rules")} text={t("rules.text")}>
        <PickAgent agentId={agentId} page="rules" />
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
      <EditDrawer
        title={t(opened === "new" ? "rules.create" : "rules.edit")}
        opened={opened === "new" || known !== undefined}
        onClose={form.onDone}
        tabs={
          known && [
            {
              name: "rule",
              label: t("rules.tab-rule"),
              content: <RuleForm key={known.version} {...form} known={known} />,
            },
            { name: "log", label: t("rules.tab-log"), content: <Executions agentId={agentId} ruleId={known.id} /> },
          ]
        }
      >
        {opened === "new" && <RuleForm {...form} />}
      </EditDrawer>
    </Page>
  );
}
