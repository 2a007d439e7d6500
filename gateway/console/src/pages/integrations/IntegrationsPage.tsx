import { Button, Group, List } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconBrandTelegram from "@tabler/icons-react/icons/IconBrandTelegram";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import { useIntegrations } from "../../api/integrations";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { OWN } from "../../parts/channels";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { ConnectDialog } from "./ConnectDialog";
import { IntegrationCard } from "./IntegrationCard";
import classes from "./Integrations.module.css";
import { KommoDialog } from "./KommoDialog";
import { Widgets } from "./Widgets";

// The test chat and the widgets of sites have their own places.

/** Where customers write: the bots, how they are, and what to do about it. */
export function IntegrationsPage() {
  const { t } = useTranslation();
  const agents = useAgents();
  const list = useIntegrations();
  const mayEdit = useMay("admin");
  const [connecting, connect] = useDisclosure(false);
  const [connectingKommo, kommo] = useDisclosure(false);
  useTitle(t("page.integrations"));
  const shown = list.data?.items.filter((item) => !OWN.includes(item.channel)) ?? [];
  const button = mayEdit && agents.data && agents.data.length > 0 && (
    <Group gap="xs">
      <Button leftSection={<IconPlus size={16} />} onClick={connect.open}>
        {t("integrations.connect")}
      </Button>
      <Button variant="default" leftSection={<IconPlus size={16} />} onClick={kommo.open}>
        {t("kommo.connect")}
      </Button>
    </Group>
  );
  return (
    <Page>
      <PageHead title={t("page.integrations")} text={t("integrations.text")}>
        {shown.length > 0 && button}
      </PageHead>
      {list.isPending && <Loading />}
      {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && shown.length === 0 && (
        <Empty
          icon={<IconBrandTelegram />}
          title={t("integrations.empty")}
          text={t(agents.data?.length === 0 ? "integrations.needs-agent" : "integrations.empty-text")}
        >
          <Steps />
          {button}
        </Empty>
      )}
      <div className={classes.cards}>
        {shown.map((integration) => (
          <IntegrationCard
            key={integration.id}
            integration={integration}
            agentName={agents.data?.find((agent) => agent.id === integration.agent_id)?.name ?? ""}
            webhooks={list.data?.webhooks ?? false}
            mayEdit={mayEdit}
          />
        ))}
      </div>
      {agents.data && agents.data.length > 0 && <Widgets agents={agents.data} mayEdit={mayEdit} />}
      <ConnectDialog opened={connecting} onClose={connect.close} agents={agents.data ?? []} />
      <KommoDialog opened={connectingKommo} onClose={kommo.close} agents={agents.data ?? []} />
    </Page>
  );
}

/** How a bot is made, for who has none yet. */
export function Steps() {
  const { t } = useTranslation();
  return (
    <List type="ordered" ta="start" maw={460} spacing={6} size="sm">
      <List.Item>{t("integrations.step-find")}</List.Item>
      <List.Item>{t("integrations.step-create")}</List.Item>
      <List.Item>{t("integrations.step-paste")}</List.Item>
    </List>
  );
}
