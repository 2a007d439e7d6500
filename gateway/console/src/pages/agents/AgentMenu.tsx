import { ActionIcon, Button, Group, Menu, Modal, Stack, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconArchive from "@tabler/icons-react/icons/IconArchive";
import IconCopy from "@tabler/icons-react/icons/IconCopy";
import IconDots from "@tabler/icons-react/icons/IconDots";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useArchiveAgent, useDuplicateAgent, useRestoreAgent } from "../../api/agents";
import type { AgentDraft } from "../../api/types";
import { useSession } from "../../app/session";
import { offerUndo, showDone } from "../../app/toasts";

/** What is done with an agent as a whole. */
export function AgentMenu({ agent }: { agent: AgentDraft }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const navigate = useNavigate();
  const [copying, copy] = useDisclosure(false);
  const archive = useArchiveAgent();
  const restore = useRestoreAgent();
  const away = () =>
    archive.mutate(agent, {
      onSuccess: () => {
        offerUndo(`archived-${agent.id}`, t("agents.archived", { name: agent.name }), () => restore.mutate(agent));
        void navigate(`/manage/${tenant.id}/ai-agents`);
      },
    });
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t("agents.more")} loading={archive.isPending}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconCopy size={16} />} onClick={copy.open}>
            {t("agents.duplicate")}
          </Menu.Item>
          <Menu.Item leftSection={<IconArchive size={16} />} onClick={away}>
            {t("agents.archive")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={copying}
        onClose={copy.close}
        title={t("agents.duplicate-title")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <CopyForm agent={agent} onCancel={copy.close} />
      </Modal>
    </>
  );
}

function CopyForm({ agent, onCancel }: { agent: AgentDraft; onCancel: () => void }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const navigate = useNavigate();
  const [name, setName] = useState(t("agents.copy-of", { name: agent.name }));
  const duplicate = useDuplicateAgent();
  const send = () =>
    duplicate.mutate(
      { agent, name: name.trim() },
      {
        onSuccess: (made) => {
          onCancel();
          showDone(t("agents.is-copied"));
          void navigate(`/manage/${tenant.id}/ai-agents/${made.id}`);
        },
      },
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) send();
      }}
    >
      <Stack>
        <TextInput
          label={t("agents.name")}
          maxLength={200}
          required
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={duplicate.isPending} disabled={!name.trim()}>
            {t("agents.duplicate")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
