import { Alert, Button, Group, Modal, Select, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCheckToken, useConnectBot } from "../../api/integrations";
import type { Agent, CheckedToken } from "../../api/types";
import { showDone } from "../../app/toasts";
import { Steps } from "./IntegrationsPage";
import { RefusedNote } from "./ProblemNote";

interface Props {
  opened: boolean;
  onClose: () => void;
  agents: Agent[];
}

/** Paste a token, see whose it is and what would change, then connect. */
export function ConnectDialog({ opened, onClose, agents }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("integrations.connect-title")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Connect agents={agents} onClose={onClose} />
    </Modal>
  );
}

function Connect({ agents, onClose }: Omit<Props, "opened">) {
  const { t } = useTranslation();
  const [token, setToken] = useState("");
  const [chosen, setChosen] = useState<string>();
  const check = useCheckToken();
  const connect = useConnectBot();
  const agentId = chosen ?? agents[0]?.id ?? "";
  const send = () =>
    connect.mutate(
      { agentId, token },
      {
        onSuccess: ({ integration }) => {
          onClose();
          showDone(t("integrations.is-connected", { bot: `@${integration.username}` }));
        },
      },
    );
  const back = () => {
    check.reset();
    connect.reset();
  };
  if (check.data) {
    return (
      <Stack>
        <Found checked={check.data} agentId={agentId} />
        {connect.error && <RefusedNote error={connect.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={back}>
            {t("integrations.back")}
          </Button>
          <Button onClick={send} loading={connect.isPending} data-autofocus>
            {t("integrations.connect-button")}
          </Button>
        </Group>
      </Stack>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim()) check.mutate(token);
      }}
    >
      <Stack>
        <Steps />
        <Textarea
          label={t("integrations.token")}
          description={t("integrations.token-hint")}
          autosize
          minRows={2}
          maxRows={6}
          maxLength={2000}
          autoComplete="off"
          spellCheck={false}
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
          data-autofocus
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
        {check.error && <RefusedNote error={check.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={check.isPending} disabled={!token.trim()}>
            {t("integrations.check")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Found({ checked, agentId }: { checked: CheckedToken; agentId: string }) {
  const { t } = useTranslation();
  const { bot, holder } = checked;
  return (
    <>
      <div>
        <Text fw={600} size="lg" className="wraps">
          {bot.name || bot.username}
        </Text>
        <Text c="dimmed">@{bot.username}</Text>
      </div>
      {holder && holder.agent_id !== agentId && (
        <Alert variant="light">{t("integrations.will-move", { agent: holder.agent_name })}</Alert>
      )}
      {holder && holder.agent_id === agentId && <Alert variant="light">{t("integrations.will-replace")}</Alert>}
      {checked.elsewhere && (
        <Alert variant="light" color="yellow">
          {t("integrations.will-take")}
        </Alert>
      )}
      {checked.other_program && (
        <Alert variant="light" color="yellow" className="wraps">
          {t("integrations.will-stop", { host: checked.other_program })}
        </Alert>
      )}
    </>
  );
}
