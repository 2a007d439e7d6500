import { Anchor, Badge, Button, Card, Group, Stack, Tabs, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconBook from "@tabler/icons-react/icons/IconBook";
import IconScript from "@tabler/icons-react/icons/IconListDetails";
import IconMessageCircle from "@tabler/icons-react/icons/IconMessageCircle";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { useAgent } from "../../api/agents";
import type { AgentDraft } from "../../api/types";
import { StopDialog } from "../../app/StopDialog";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { CopyButton } from "../../parts/CopyButton";
import { Page, PageHead } from "../../parts/PageHead";
import { Failed, Loading } from "../../parts/states";
import { AgentMenu } from "./AgentMenu";
import { PublishedBadge } from "./AgentsPage";
import { ChecksTab } from "./checks/ChecksTab";
import { PersonaForm } from "./PersonaForm";
import { Publish } from "./Publish";
import { ToolsTab } from "./tools/ToolsTab";
import { Versions } from "./Versions";

export function AgentPage() {
  const { agentId = "" } = useParams();
  const agent = useAgent(agentId);
  if (agent.isPending) return <Loading />;
  if (agent.isError) return <Failed error={agent.error} again={() => void agent.refetch()} />;
  return <Shown agent={agent.data} />;
}

function Shown({ agent }: { agent: AgentDraft }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const mayEdit = useMay("admin");
  const mayStop = useMay("operator");
  const [asking, ask] = useDisclosure(false);
  const [query, setQuery] = useSearchParams();
  useTitle(agent.name);
  return (
    <Page>
      <StopDialog opened={asking} close={ask.close} agent={agent} />
      <Stack gap="xs">
        <Anchor component={Link} to={`/manage/${tenant.id}/ai-agents`} size="sm">
          ← {t("page.agents")}
        </Anchor>
        <PageHead title={agent.name}>
          <Button
            component={Link}
            to={`/manage/${tenant.id}/test-chat?agent=${agent.id}&version=draft`}
            variant="default"
            leftSection={<IconMessageCircle size={16} />}
          >
            {t("agents.try-draft")}
          </Button>
          <Button
            component={Link}
            to={`/manage/${tenant.id}/ai-agents/${agent.id}/scripts`}
            variant="default"
            leftSection={<IconScript size={16} />}
          >
            {t("page.scripts")}
          </Button>
          <Button
            component={Link}
            to={`/manage/${tenant.id}/ai-agents/${agent.id}/knowledge`}
            variant="default"
            leftSection={<IconBook size={16} />}
          >
            {t("page.knowledge")}
          </Button>
          {mayStop && (
            <Button color="red" variant="light" onClick={ask.open}>
              {t("stop.menu-agent")}
            </Button>
          )}
          {mayEdit && <Publish agent={agent} />}
          {mayEdit && <AgentMenu agent={agent} />}
        </PageHead>
        <Group gap="xs">
          <PublishedBadge agent={agent} />
          {agent.unpublished_changes && (
            <Badge variant="default" tt="none" fw={500}>
              {t("agents.changed")}
            </Badge>
          )}
          <Group gap={2}>
            <Text size="xs" c="dimmed">
              ID
            </Text>
            <CopyButton value={agent.id} />
          </Group>
        </Group>
      </Stack>
      <Tabs
        value={query.get("tab") ?? "persona"}
        onChange={(tab) => setQuery(tab && tab !== "persona" ? { tab } : {})}
        keepMounted={false}
      >
        <Tabs.List mb="lg">
          <Tabs.Tab value="persona">{t("agents.persona")}</Tabs.Tab>
          <Tabs.Tab value="tools">{t("tools.title")}</Tabs.Tab>
          <Tabs.Tab value="versions">{t("agents.versions")}</Tabs.Tab>
          <Tabs.Tab value="checks">{t("checks.title")}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="persona">
          <Card withBorder padding="lg">
            <PersonaForm key={agent.version} agent={agent} mayEdit={mayEdit} />
          </Card>
        </Tabs.Panel>
        <Tabs.Panel value="tools">
          <ToolsTab key={agent.version} agent={agent} mayEdit={mayEdit} />
        </Tabs.Panel>
        <Tabs.Panel value="versions">
          <Versions agent={agent} mayEdit={mayEdit} />
        </Tabs.Panel>
        <Tabs.Panel value="checks">
          <ChecksTab agent={agent} mayEdit={mayEdit} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
