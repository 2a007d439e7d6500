import { Badge, Button, Card, Group, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { MOST, useRollBack, useVersions } from "../../api/agents";
import type { Agent, Version } from "../../api/types";
import { useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import classes from "./Agents.module.css";
import { Differences } from "./Differences";

export function Versions({ agent, mayEdit }: { agent: Agent; mayEdit: boolean }) {
  const { t } = useTranslation();
  const versions = useVersions(agent.id);
  if (versions.isPending) return <Loading />;
  if (versions.isError) return <Failed error={versions.error} again={() => void versions.refetch()} />;
  if (versions.data.length === 0) return <Text c="dimmed">{t("agents.no-versions")}</Text>;
  const first = versions.data.length < MOST ? 0 : undefined;
  return (
    <Card withBorder px="lg" py="xs">
      {agent.unpublished_changes && <DraftRow agent={agent} />}
      {versions.data.map((version, place) => (
        <Row
          key={version.version}
          agent={agent}
          version={version}
          since={versions.data[place + 1]?.version ?? first}
          mayEdit={mayEdit}
        />
      ))}
    </Card>
  );
}

function DraftRow({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  return (
    <Group className={classes.version} justify="space-between" gap="sm">
      <Stack gap={2}>
        <Text fw={600}>{t("version.draft")}</Text>
        <Text size="sm" c="dimmed">
          {t("agents.changed")}
        </Text>
      </Stack>
      <WhatChanged title={t("differs.title-draft")}>
        <Differences agentId={agent.id} />
      </WhatChanged>
    </Group>
  );
}

interface RowProps {
  agent: Agent;
  version: Version;
  /** The version that was published before it; 0: none was; undefined: it is not in the list. */
  since: number | undefined;
  mayEdit: boolean;
}

function Row({ agent, version, since, mayEdit }: RowProps) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const number = version.version;
  return (
    <Group className={classes.version} justify="space-between" gap="sm">
      <Stack gap={2}>
        <Group gap="xs">
          <Text fw={600}>{t("version.number", { number })}</Text>
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
            {t("agents.same-as", { number: version.copy_of })}
          </Text>
        )}
        {version.note && (
          <Text size="sm" className="wraps">
            {version.note}
          </Text>
        )}
      </Stack>
      <Group gap="xs">
        {since !== undefined && (
          <WhatChanged title={t("differs.title", { number })}>
            <Differences agentId={agent.id} since={since} until={number} />
          </WhatChanged>
        )}
        <Button
          component={Link}
          to={`/manage/${tenant.id}/test-chat?agent=${agent.id}&version=${number}`}
          size="xs"
          variant="default"
        >
          {t("agents.try")}
        </Button>
        {mayEdit && !version.current && <RollBack agent={agent} number={number} />}
      </Group>
    </Group>
  );
}

function WhatChanged({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  const [opened, modal] = useDisclosure(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={modal.open}>
        {t("differs.button")}
      </Button>
      <Modal
        opened={opened}
        onClose={modal.close}
        title={title}
        size="lg"
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        {children}
      </Modal>
    </>
  );
}

/** Customers get it at once: what they get is seen first. */
function RollBack({ agent, number }: { agent: Agent; number: number }) {
  const { t } = useTranslation();
  const [asking, ask] = useDisclosure(false);
  const back = useRollBack(agent.id);
  const send = () =>
    back.mutate(
      { version: number, note: "" },
      {
        onSuccess: (made) => {
          ask.close();
          showDone(t("agents.is-published", { number: made.version }));
        },
      },
    );
  return (
    <>
      <Button size="xs" variant="default" onClick={ask.open}>
        {t("agents.roll-back")}
      </Button>
      <Modal
        opened={asking}
        onClose={ask.close}
        title={t("agents.roll-back-title", { number })}
        size="lg"
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <Text size="sm">{t("agents.roll-back-text")}</Text>
          <Stack gap={4}>
            <Text fw={600}>{t("differs.customers-get")}</Text>
            <Differences agentId={agent.id} until={number} />
          </Stack>
          <Group justify="flex-end">
            <Button variant="default" onClick={ask.close} data-autofocus>
              {t("app.cancel")}
            </Button>
            <Button loading={back.isPending} onClick={send}>
              {t("agents.roll-back")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
