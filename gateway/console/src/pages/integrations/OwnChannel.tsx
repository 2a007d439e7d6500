import { Alert, Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useDisconnectOwnChannel, useOwnChannel } from "../../api/kommo";
import type { OwnChannel as Channel, Integration } from "../../api/types";
import { showDone } from "../../app/toasts";
import { Fact } from "../../parts/conversation/TracePane";
import { Removal } from "../../parts/Removal";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import { OwnChannelDialog } from "./OwnChannelDialog";

interface Props {
  integration: Integration;
  agentName: string;
}

/** A channel of its own in the account: there the agent's other conversations are read and answered, too. */
export function OwnChannel({ integration, agentName }: Props) {
  const { t } = useTranslation();
  const found = useOwnChannel(integration);
  const [editing, edit] = useDisclosure(false);
  if (found.isPending) return <Loading />;
  if (found.isError && !found.data) return <Failed error={found.error} again={() => void found.refetch()} />;
  const channel = found.data;
  const { state } = channel;
  return (
    <Stack gap="xs" component="section" aria-label={t("own-channel.title")}>
      <Group justify="space-between" gap="xs">
        <Title order={3} size="h5">
          {t("own-channel.title")}
        </Title>
        {state !== "none" && (
          <Badge variant="light" tt="none" color={state === "broken" ? "red" : "brand"}>
            {t(state === "broken" ? "integrations.status.broken" : "integrations.status.live")}
          </Badge>
        )}
      </Group>
      {state === "none" && <Text size="sm">{t("own-channel.what")}</Text>}
      {state === "broken" && <Problem channel={channel} />}
      {state !== "none" && <Facts channel={channel} />}
      <Group gap="xs">
        <Button variant="default" size="xs" onClick={edit.open}>
          {t(`own-channel.edit.${state}`)}
        </Button>
        {state !== "none" && <Disconnect integration={integration} title={channel.title} />}
      </Group>
      <OwnChannelDialog
        opened={editing}
        onClose={edit.close}
        integration={integration}
        channel={channel}
        agentName={agentName}
      />
    </Stack>
  );
}

/** What is wrong by its code; a code of a newer server is shown in the server's own words. */
function Problem({ channel }: { channel: Channel }) {
  const { t } = useTranslation();
  const { problem_code: code, problem, waiting_messages: waiting } = channel;
  return (
    <Alert
      color="red"
      variant="light"
      title={t(`own-channel.problem.${code}.title`, { defaultValue: t("own-channel.broken") })}
    >
      <Stack gap={4}>
        <Text size="sm" className="wraps">
          {t(`own-channel.problem.${code}.do`, { defaultValue: problem })}
        </Text>
        <Text size="sm">
          {t("own-channel.kept")} {waiting > 0 && t("own-channel.kept-waiting", { count: waiting })}
        </Text>
      </Stack>
    </Alert>
  );
}

function Facts({ channel }: { channel: Channel }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <Stack gap={2} maw={420}>
      <Fact name={t("own-channel.name")}>{channel.title}</Fact>
      {channel.connected_at && (
        <Fact name={t("own-channel.since")}>
          <When at={channel.connected_at} size="sm" />
        </Fact>
      )}
      <Fact name={t("own-channel.shown")}>{number.format(channel.shown_chats)}</Fact>
      <Fact name={t("own-channel.waiting")}>{number.format(channel.waiting_messages)}</Fact>
      <Fact name={t("own-channel.last")}>
        {channel.last_shown_at ? <When at={channel.last_shown_at} size="sm" /> : t("own-channel.never")}
      </Fact>
    </Stack>
  );
}

/** Managers are cut off from customers, so it is asked first. */
function Disconnect({ integration, title }: { integration: Integration; title: string }) {
  const { t } = useTranslation();
  const [asking, ask] = useDisclosure(false);
  const disconnect = useDisconnectOwnChannel(integration);
  const send = () =>
    disconnect.mutate(undefined, {
      onSuccess: () => {
        ask.close();
        showDone(t("own-channel.is-disconnected", { title }));
      },
    });
  return (
    <>
      <Button variant="default" size="xs" onClick={ask.open}>
        {t("own-channel.disconnect")}
      </Button>
      <Removal
        opened={asking}
        title={t("own-channel.disconnect-title", { title })}
        text={t("own-channel.disconnect-text")}
        button={t("own-channel.disconnect")}
        loading={disconnect.isPending}
        onClose={ask.close}
        onConfirm={send}
      />
    </>
  );
}
