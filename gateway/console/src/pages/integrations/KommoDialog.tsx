import { Button, Code, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useConnectKommo, useInviteKommo } from "../../api/kommo";
import type { Agent, KommoInvitation } from "../../api/types";
import { showDone } from "../../app/toasts";
import { When } from "../../parts/When";
import { Form, Secret } from "./KommoForm";

interface Props {
  opened: boolean;
  onClose: () => void;
  agents: Agent[];
}

/** Connect an account of Kommo: with a token that was made there, or by allowing the access on its own page. */
export function KommoDialog({ opened, onClose, agents }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("kommo.title")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Connect agents={agents} onClose={onClose} />
    </Modal>
  );
}

function Connect({ agents, onClose }: Omit<Props, "opened">) {
  const { t } = useTranslation();
  const [way, setWay] = useState("token");
  const [chosen, setChosen] = useState<string>();
  const agentId = chosen ?? agents[0]?.id ?? "";
  return (
    <Stack>
      <Select
        label={t("kommo.way")}
        data={[
          { value: "token", label: t("kommo.way-token") },
          { value: "oauth", label: t("kommo.way-oauth") },
        ]}
        value={way}
        allowDeselect={false}
        onChange={(value) => value && setWay(value)}
      />
      {agents.length > 1 && (
        <Select
          label={t("integrations.agent")}
          data={agents.map((agent) => ({ value: agent.id, label: agent.name }))}
          value={agentId}
          allowDeselect={false}
          onChange={(id) => id && setChosen(id)}
        />
      )}
      <Text size="sm">{t("kommo.need")}</Text>
      {way === "token" ? <WithToken agentId={agentId} onClose={onClose} /> : <WithConsent agentId={agentId} />}
    </Stack>
  );
}

function WithToken({ agentId, onClose }: { agentId: string; onClose: () => void }) {
  const { t } = useTranslation();
  const connect = useConnectKommo();
  const [address, setAddress] = useState("");
  const [token, setToken] = useState("");
  const body = { address: address.trim(), token: token.trim() };
  const send = () =>
    connect.mutate(
      { agentId, body },
      {
        onSuccess: ({ name, host }) => {
          onClose();
          showDone(t("kommo.is-connected", { name: name || host }));
        },
      },
    );
  const button = (
    <Button type="submit" loading={connect.isPending} disabled={!body.address || !body.token}>
      {t("integrations.connect-button")}
    </Button>
  );
  return (
    <Form send={send} error={connect.error} button={button}>
      <Text size="sm">{t("kommo.token-need")}</Text>
      <TextInput
        label={t("kommo.address")}
        description={t("kommo.address-hint")}
        maxLength={200}
        autoComplete="off"
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      <Secret label={t("kommo.token")} value={token} change={setToken} />
    </Form>
  );
}

function WithConsent({ agentId }: { agentId: string }) {
  const { t } = useTranslation();
  const invite = useInviteKommo();
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [platform, setPlatform] = useState<"kommo" | "amocrm">("kommo");
  const body = { client_id: id.trim(), client_secret: secret.trim(), platform };
  if (invite.data) return <Invited invitation={invite.data} />;
  const button = (
    <Button type="submit" loading={invite.isPending} disabled={!body.client_id || !body.client_secret}>
      {t("kommo.next")}
    </Button>
  );
  return (
    <Form send={() => invite.mutate({ agentId, body })} error={invite.error} button={button}>
      <Text size="sm">{t("kommo.oauth-need")}</Text>
      <Select
        label={t("kommo.platform")}
        data={[
          { value: "kommo", label: "kommo.com" },
          { value: "amocrm", label: "amocrm.ru" },
        ]}
        value={platform}
        allowDeselect={false}
        onChange={(value) => setPlatform(value === "amocrm" ? "amocrm" : "kommo")}
      />
      <TextInput
        label={t("kommo.client-id")}
        maxLength={64}
        autoComplete="off"
        value={id}
        onChange={(event) => setId(event.currentTarget.value)}
      />
      <Secret label={t("kommo.client-secret")} value={secret} change={setSecret} />
    </Form>
  );
}

/** What is left to be done at Kommo; a page there says whether it worked, and the list here is read again by itself. */
function Invited({ invitation }: { invitation: KommoInvitation }) {
  const { t } = useTranslation();
  return (
    <Stack role="status">
      <Text size="sm">{t("kommo.redirect")}</Text>
      <Code block className="wraps">
        {invitation.redirect_uri}
      </Code>
      <Text size="sm" c="dimmed">
        {t("kommo.until")} <When at={invitation.expires_at} size="sm" />
      </Text>
      <Group justify="flex-end">
        <Button component="a" href={invitation.authorize_url} target="_blank" rel="noreferrer">
          {t("kommo.open")}
        </Button>
      </Group>
    </Stack>
  );
}
