import { Badge, Button, Card, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import IconWorld from "@tabler/icons-react/icons/IconWorld";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { useAgents, useCreateAgent } from "../../api/agents";
import type { Agent } from "../../api/types";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import classes from "./Agents.module.css";
import { FromSiteForm } from "./FromSiteForm";
import { WaitingAgents } from "./WaitingAgents";

export function AgentsPage() {
  const { t } = useTranslation();
  const agents = useAgents();
  const mayEdit = useMay("admin");
  const [creating, create] = useDisclosure(false);
  const [beginning, begin] = useDisclosure(false);
  useTitle(t("page.agents"));
  const fromSite = (
    <Button variant="default" leftSection={<IconWorld size={16} />} onClick={begin.open}>
      {t("from-site.button")}
    </Button>
  );
  return (
    <Page>
      <PageHead title={t("page.agents")} text={t("agents.text")}>
        {mayEdit && fromSite}
        {mayEdit && (
          <Button leftSection={<IconPlus size={16} />} onClick={create.open}>
            {t("agents.create")}
          </Button>
        )}
      </PageHead>
      <WaitingAgents />
      {agents.isPending && <Loading />}
      {agents.isError && <Failed error={agents.error} again={() => void agents.refetch()} />}
      {agents.data?.length === 0 && (
        <Empty icon={<IconRobot />} title={t("chat.no-agents")} text={t("from-site.empty-text")}>
          {mayEdit && fromSite}
        </Empty>
      )}
      <div className={classes.cards}>
        {agents.data?.map((agent) => (
          <AgentCard key={agent.id} agent={agent} />
        ))}
      </div>
      <Modal
        opened={creating}
        onClose={create.close}
        title={t("agents.create")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <CreateForm onCancel={create.close} />
      </Modal>
      <Modal
        opened={beginning}
        onClose={begin.close}
        title={t("from-site.title")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <FromSiteForm onCancel={begin.close} />
      </Modal>
    </Page>
  );
}

function AgentCard({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  return (
    <Card withBorder padding="lg" component={Link} to={agent.id} className={classes.card}>
      <Stack gap="xs">
        <Text fw={600} size="lg" className="wraps">
          {agent.name}
        </Text>
        <Group gap="xs">
          <PublishedBadge agent={agent} />
          {agent.published_version > 0 && agent.unpublished_changes && (
            <Badge variant="default" tt="none" fw={500}>
              {t("agents.changed")}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed">
          {t("agents.changed-at")} <When at={agent.changed_at} size="sm" />
        </Text>
      </Stack>
    </Card>
  );
}

export function PublishedBadge({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  return agent.published_version > 0 ? (
    <Badge variant="light" tt="none">
      {t("agents.published", { number: agent.published_version })}
    </Badge>
  ) : (
    <Badge variant="default" tt="none">
      {t("agents.not-published")}
    </Badge>
  );
}

function CreateForm({ onCancel }: { onCancel: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const create = useCreateAgent();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const name = String(new FormData(event.currentTarget).get("name")).trim();
        if (name) create.mutate(name, { onSuccess: (agent) => void navigate(agent.id) });
      }}
    >
      <Stack>
        <TextInput
          name="name"
          label={t("agents.name")}
          description={t("agents.name-hint")}
          required
          withAsterisk={false}
          maxLength={200}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={create.isPending}>
            {t("agents.create-button")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
