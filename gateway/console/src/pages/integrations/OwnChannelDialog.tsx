import { Alert, Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useConnectOwnChannel } from "../../api/kommo";
import { asApiError } from "../../api/problem";
import type { Integration, OwnChannel, OwnChannelBody } from "../../api/types";
import { useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { Copied } from "../../parts/Copied";
import { Form, Secret } from "./KommoForm";

const TITLE_MAX = 60;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SECRET = /^[0-9a-f]{40}$/i;

interface Props {
  opened: boolean;
  onClose: () => void;
  integration: Integration;
  channel: OwnChannel;
  agentName: string;
}

/** What Kommo's support needs, and what it answers. */
export function OwnChannelDialog({ opened, onClose, ...props }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("own-channel.title")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Stack>
        {props.channel.state === "none" && <Text size="sm">{t("own-channel.need")}</Text>}
        <Hook address={props.channel.hook_url} />
        <Fields onClose={onClose} {...props} />
      </Stack>
    </Modal>
  );
}

/** Without a public address there is nothing to give to Kommo. */
function Hook({ address }: { address: string }) {
  const { t } = useTranslation();
  if (!URL.canParse(address))
    return (
      <Alert color="yellow" variant="light" title={t("kommo.refused.no-public-url.title")}>
        {t("kommo.refused.no-public-url.do")}
      </Alert>
    );
  return (
    <div>
      <Text size="sm" fw={500}>
        {t("own-channel.hook")}
      </Text>
      <Text size="xs" c="dimmed" mb={4}>
        {t("own-channel.hook-hint", { part: ":scope_id" })}
      </Text>
      <Copied value={address} />
    </div>
  );
}

function Fields({ onClose, integration, channel, agentName }: Omit<Props, "opened">) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const connect = useConnectOwnChannel(integration);
  const [id, setId] = useState(channel.channel_id);
  const [secret, setSecret] = useState("");
  const [bot, setBot] = useState(channel.bot_id);
  const [title, setTitle] = useState(channel.title || (tenant.name || agentName).slice(0, TITLE_MAX));
  const [tried, setTried] = useState(false);
  const body = { channel_id: id.trim(), secret: secret.trim(), bot_id: bot.trim(), title: title.trim() };
  const wrong = flawsOf(body);
  const send = () => {
    setTried(true);
    connect.reset();
    if (wrong.length > 0) return;
    connect.mutate(body, {
      onSuccess: () => {
        onClose();
        showDone(t("own-channel.is-connected", { title: body.title }));
      },
    });
  };
  const refused = connect.error ? (asApiError(connect.error).problem?.errors ?? []) : [];
  const placed = refused.length > 0 && refused.every(({ pointer }) => pointer && pointer.slice(1) in body);
  const error = (field: keyof OwnChannelBody) => {
    if (tried && wrong.includes(field)) return t(`own-channel.wrong.${field}`);
    const flaw = refused.find(({ pointer }) => pointer === `/${field}`);
    return flaw && t(`${ofChannel(flaw.code)}.do`, { defaultValue: flaw.detail });
  };
  const button = (
    <Button type="submit" loading={connect.isPending}>
      {t(channel.state === "connected" ? "app.save" : "integrations.connect-button")}
    </Button>
  );
  return (
    <Form send={send} error={placed ? null : connect.error} words={ofChannel} button={button}>
      <TextInput
        label={t("own-channel.channel-id")}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        error={error("channel_id")}
        value={id}
        onChange={(event) => setId(event.currentTarget.value)}
      />
      <Secret
        label={t("own-channel.secret")}
        description={channel.state === "none" ? undefined : t("own-channel.secret-again")}
        error={error("secret")}
        value={secret}
        change={setSecret}
      />
      <TextInput
        label={t("own-channel.bot-id")}
        description={t("own-channel.bot-id-hint")}
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        error={error("bot_id")}
        value={bot}
        onChange={(event) => setBot(event.currentTarget.value)}
      />
      <TextInput
        label={t("own-channel.name")}
        description={t("own-channel.name-hint")}
        maxLength={TITLE_MAX}
        error={error("title")}
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
    </Form>
  );
}

function ofChannel(code: string): string {
  return `own-channel.refused.${code}`;
}

/** What cannot be right, before anybody is asked. */
function flawsOf(body: Required<OwnChannelBody>): (keyof OwnChannelBody)[] {
  const right = {
    channel_id: ID.test(body.channel_id),
    secret: SECRET.test(body.secret),
    bot_id: body.bot_id === "" || ID.test(body.bot_id),
    title: body.title !== "",
  };
  return (["channel_id", "secret", "bot_id", "title"] as const).filter((field) => !right[field]);
}
