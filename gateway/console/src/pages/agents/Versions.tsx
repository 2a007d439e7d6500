import { Badge, Button, Card, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useRollBack, useVersions } from "../../api/agents";
import type { Agent, Version } from "../../api/types";
import { useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import classes from "./Agents.module.css";

export function Versions({ agent, mayEdit }: { agent: Agent; mayEdit: boolean }) {
  const { t } = useTranslation();
  const versions = useVersions(agent.id);
  if (versions.isPending) return <Loading />;
  if (versions.isError) return <Failed error={versions.error} again={() => void versions.refetch()} />;
  if (versions.data.length === 0) return <Text c="dimmed">{t("agents.no-versions")}</Text>;
  return (
    <Card withBorder px="lg" py="xs">
      {versions.data.map((version) => (
        <Row key={version.version} agent={agent} version={version} mayEdit={mayEdit} />
      ))}
    </Card>
  );
}

function Row({ agent, version, mayEdit }: { agent: Agent; version: Version; mayEdit: boolean }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const back = useRollBack(agent.id);
  const rollBack = () =>
    back.mutate(
      { version: version.version, note: "" },
      { onSuccess: (made) => showDone(t("agents.is-published", { number: made.version })) },
    );
  return (
    <Group className={classes.version} justify="space-between" gap="sm">
      <Stack gap={2}>
        <Group gap="xs">
          <Text fw={600}>{t("version.number", { number: version.version })}</Text>
          {version.current && (
            <Badge variant="light" tt="none">
              {t("agents.current")}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed">
          <When at={version.published_at ?? version.created_at} size="sm" /> ·{" "}
          {version.published_by || version.created_by}
        </Text>
        {version.copy_of !== null && (
          <Text size="sm" c="dimmed">
            {t("agents.copy-of", { number: version.copy_of })}
          </Text>
        )}
        {version.note && (
          <Text size="sm" className="wraps">
            {version.note}
          </Text>
        )}
      </Stack>
      <Group gap="xs">
        <Button
          component={Link}
          to={`/manage/${tenant.id}/test-chat?agent=${agent.id}&version=${version.version}`}
          size="xs"
          variant="default"
        >
          {t("agents.try")}
        </Button>
        {mayEdit && !version.current && (
          <Button size="xs" variant="default" loading={back.isPending} onClick={rollBack}>
            {t("agents.roll-back")}
          </Button>
        )}
      </Group>
    </Group>
  );
}
