import { Anchor, Badge, Button, Card, Code, Group, Stack, Switch, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconWorld from "@tabler/icons-react/icons/IconWorld";
import { useTranslation } from "react-i18next";
import type { Agent, Widget } from "../../api/types";
import { useChangeWidget, useDeleteWidget, useWidgets } from "../../api/widgets";
import { showDone } from "../../app/toasts";
import { CopyButton } from "../../parts/CopyButton";
import { Removal } from "../../parts/Removal";
import { Empty, Failed } from "../../parts/states";
import classes from "./Integrations.module.css";
import { WidgetDialog } from "./WidgetDialog";

/** Chats on the company's own sites: where they are shown, and the line to put there. */
export function Widgets({ agents, mayEdit }: { agents: Agent[]; mayEdit: boolean }) {
  const { t } = useTranslation();
  const widgets = useWidgets(agents);
  const [creating, create] = useDisclosure(false);
  const button = mayEdit && agents.length > 0 && (
    <Button variant="default" leftSection={<IconPlus size={16} />} onClick={create.open}>
      {t("widgets.create")}
    </Button>
  );
  return (
    <section className={classes.part} aria-labelledby="widgets">
      <Group justify="space-between" mb="md">
        <Title order={2} size="h3" id="widgets">
          {t("widgets.title")}
        </Title>
        {widgets.items.length > 0 && button}
      </Group>
      {widgets.error && <Failed error={widgets.error} again={widgets.again} />}
      {!widgets.isPending && !widgets.error && widgets.items.length === 0 && (
        <Empty icon={<IconWorld />} title={t("widgets.empty")} text={t("widgets.empty-text")}>
          {button}
        </Empty>
      )}
      <div className={classes.cards}>
        {widgets.items.map((widget) => (
          <WidgetCard
            key={widget.id}
            widget={widget}
            agentName={agents.find((agent) => agent.id === widget.agent_id)?.name ?? ""}
            mayEdit={mayEdit}
          />
        ))}
      </div>
      <WidgetDialog opened={creating} onClose={create.close} agents={agents} />
    </section>
  );
}

function WidgetCard({ widget, agentName, mayEdit }: { widget: Widget; agentName: string; mayEdit: boolean }) {
  const { t } = useTranslation();
  const [editing, edit] = useDisclosure(false);
  const change = useChangeWidget(widget);
  const name = widget.name || t("widgets.unnamed");
  return (
    <Card withBorder padding="lg" component="section" aria-label={name}>
      <Stack gap="md">
        <Group justify="space-between" align="flex-start">
          <div>
            <Title order={3} size="h4" className="wraps">
              {name}
            </Title>
            <Text size="sm" c="dimmed">
              {t("integrations.answers", { agent: agentName })}
            </Text>
          </div>
          <Badge variant="light" tt="none" color={widget.enabled ? "brand" : "gray"}>
            {t(widget.enabled ? "widgets.on" : "widgets.off")}
          </Badge>
        </Group>
        <Group gap="xs">
          {widget.origins.map((origin) => (
            <Anchor key={origin} href={origin} target="_blank" rel="noreferrer" size="sm" className="wraps">
              {origin}
            </Anchor>
          ))}
        </Group>
        <div>
          <Text size="sm" fw={500}>
            {t("widgets.line")}
          </Text>
          <Text size="sm" c="dimmed">
            {t("widgets.line-hint")}
          </Text>
          <Group gap="xs" wrap="nowrap" mt={4} align="flex-start">
            <Code className={classes.line}>{widget.script}</Code>
            <CopyButton value={widget.script} />
          </Group>
        </div>
        {mayEdit && (
          <Group gap="md">
            <Switch
              label={t("widgets.shown")}
              checked={widget.enabled}
              disabled={change.isPending}
              onChange={(event) => change.mutate({ enabled: event.currentTarget.checked })}
            />
            <Button variant="default" onClick={edit.open}>
              {t("widgets.edit")}
            </Button>
            <Delete widget={widget} name={name} />
            <WidgetDialog opened={editing} onClose={edit.close} agents={[]} known={widget} />
          </Group>
        )}
      </Stack>
    </Card>
  );
}

/** Its line stops working for good, so it is asked first. */
function Delete({ widget, name }: { widget: Widget; name: string }) {
  const { t } = useTranslation();
  const [asking, ask] = useDisclosure(false);
  const remove = useDeleteWidget(widget);
  const send = () =>
    remove.mutate(undefined, {
      onSuccess: () => {
        ask.close();
        showDone(t("widgets.is-deleted", { name }));
      },
    });
  return (
    <>
      <Button variant="default" onClick={ask.open}>
        {t("widgets.delete")}
      </Button>
      <Removal
        opened={asking}
        title={t("widgets.delete-title", { name })}
        text={t("widgets.delete-text")}
        button={t("widgets.delete")}
        loading={remove.isPending}
        onClose={ask.close}
        onConfirm={send}
      />
    </>
  );
}
