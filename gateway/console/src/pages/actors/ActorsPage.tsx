import { Alert, Anchor, Card, Code, Group, Stack, Text, Title } from "@mantine/core";
import IconMasks from "@tabler/icons-react/icons/IconMasksTheater";
import { useTranslation } from "react-i18next";
import { useActors } from "../../api/actors";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { CopyButton } from "../../parts/CopyButton";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { ActorRows } from "./ActorRows";
import { FindActor } from "./FindActor";
import { Trials } from "./Trials";

export function ActorsPage() {
  const { t } = useTranslation();
  const admin = useMay("admin");
  useTitle(t("page.actors"));
  return (
    <Page>
      <PageHead title={t("page.actors")} text={t(admin ? "actors.text" : "actors.admins-only")} />
      {admin && <Everybody />}
    </Page>
  );
}

function Everybody() {
  const { t } = useTranslation();
  const found = useActors();
  if (found.isPending) return <Loading />;
  if (!found.data) return <Failed error={found.error} again={() => void found.refetch()} />;
  const { actors, connected, standby, dashboard, trials } = found.data;
  return (
    <Stack gap="md">
      {standby && <Alert color="yellow" variant="light" title={t("actors.standby")} />}
      {!connected && <Empty icon={<IconMasks />} title={t("actors.nobody")} text={t("actors.nobody-text")} />}
      {connected && <ActorRows actors={actors} />}
      {trials && <Trials actors={actors} />}
      <FindActor />
      {dashboard && <Dashboard at={dashboard} />}
    </Stack>
  );
}

/** Ray's own dashboard is on the server's own address only: people reach it through a tunnel. */
function Dashboard({ at }: { at: string }) {
  const { t } = useTranslation();
  const port = at.split(":").at(-1);
  const command = `ssh -N -L ${port}:${at} ${window.location.hostname}`;
  return (
    <Card withBorder padding="lg">
      <Stack gap="xs" align="flex-start">
        <Title order={2} size="h4">
          {t("actors.ray")}
        </Title>
        <Text c="dimmed">{t("actors.ray-text")}</Text>
        <Group gap={4} wrap="nowrap">
          <Code className="wraps">{command}</Code>
          <CopyButton value={command} />
        </Group>
        <Anchor href={`http://127.0.0.1:${port}`} target="_blank" rel="noreferrer">
          {t("actors.ray-open")}
        </Anchor>
      </Stack>
    </Card>
  );
}
