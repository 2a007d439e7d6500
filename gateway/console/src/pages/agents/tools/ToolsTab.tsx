import { Button, Card, Group, Stack, Switch, Text } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconTool from "@tabler/icons-react/icons/IconTool";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSaveAgent } from "../../../api/agents";
import { faultsBelow, isStale } from "../../../api/problem";
import { useScripts } from "../../../api/scripts";
import { useSequences } from "../../../api/sequences";
import type { AgentDraft } from "../../../api/types";
import { showDone } from "../../../app/toasts";
import { Empty, Refusal } from "../../../parts/states";
import { exampleTool, freshTool, readTools, type ToolDraft, writeTools } from "./draft";
import { ToolCard } from "./ToolCard";

const MOST = 20;

/** What the model may have done while it talks with a customer. Customers meet it after publishing. */
export function ToolsTab({ agent, mayEdit }: { agent: AgentDraft; mayEdit: boolean }) {
  const { t } = useTranslation();
  const [tools, setTools] = useState(() => readTools(agent));
  const [searches, setSearches] = useState(agent.persona.searches);
  const [touched, setTouched] = useState(false);
  const scripts = useScripts(agent.id, { enabled: true });
  const sequences = useSequences(agent.id);
  const save = useSaveAgent();
  const change = (changed: ToolDraft[]) => {
    setTouched(true);
    save.reset();
    setTools(changed);
  };
  const send = () =>
    save.mutate(
      { agent, name: agent.name, persona: { tools: writeTools(tools), searches } },
      { onSuccess: () => showDone(t("agents.saved")) },
    );
  const example = () =>
    exampleTool("callback", t("tools.example.when"), t("tools.example.phone"), t("tools.example.notice"));
  const add = mayEdit && tools.length < MOST && (
    <Button variant="default" leftSection={<IconPlus size={16} />} onClick={() => change([...tools, freshTool()])}>
      {t("tools.add")}
    </Button>
  );
  return (
    <Stack>
      <Text c="dimmed">{t("tools.text")}</Text>
      {tools.length === 0 && (
        <Card withBorder>
          <Empty icon={<IconTool />} title={t("tools.empty")} text={t("tools.empty-text")}>
            <Group justify="center">
              {add}
              {mayEdit && <Button onClick={() => change([example()])}>{t("tools.from-example")}</Button>}
            </Group>
          </Empty>
        </Card>
      )}
      {tools.map((tool, number) => (
        <ToolCard
          key={tool.id}
          tool={tool}
          mayEdit={mayEdit}
          faults={faultsBelow(save.error, `/persona/tools/${number}`)}
          scripts={scripts.data?.pages[0]?.items ?? []}
          sequences={(sequences.data ?? []).filter(({ enabled }) => enabled)}
          onChange={(changed) => change(tools.map((old) => (old.id === tool.id ? changed : old)))}
          onRemove={() => change(tools.filter(({ id }) => id !== tool.id))}
        />
      ))}
      {tools.length > 0 && <div>{add}</div>}
      <Switch
        label={t("tools.searches")}
        description={t("tools.searches-hint")}
        checked={searches}
        disabled={!mayEdit}
        onChange={(event) => {
          setTouched(true);
          setSearches(event.currentTarget.checked);
        }}
      />
      {save.error && !isStale(save.error) && <Refusal error={save.error} />}
      {mayEdit && (
        <Group justify="flex-end">
          <Button onClick={send} loading={save.isPending} disabled={!touched}>
            {t("agents.save")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
