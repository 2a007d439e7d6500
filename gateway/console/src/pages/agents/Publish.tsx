import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usePublish } from "../../api/agents";
import type { Agent } from "../../api/types";
import { showDone } from "../../app/toasts";

/** From now on customers are answered by what the draft says. */
export function Publish({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const [asking, ask] = useDisclosure(false);
  const [note, setNote] = useState("");
  const publish = usePublish(agent.id);
  const send = () =>
    publish.mutate(note, {
      onSuccess: (version) => {
        ask.close();
        setNote("");
        showDone(t("agents.is-published", { number: version.version }));
      },
    });
  return (
    <>
      <Button onClick={ask.open} disabled={!agent.unpublished_changes}>
        {t("agents.publish")}
      </Button>
      <Modal
        opened={asking}
        onClose={ask.close}
        title={t("agents.publish-title")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <Text size="sm">{t("agents.publish-text")}</Text>
          <Textarea
            label={t("agents.note")}
            description={t("agents.note-hint")}
            autosize
            minRows={2}
            maxLength={1000}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={ask.close}>
              {t("app.cancel")}
            </Button>
            <Button onClick={send} loading={publish.isPending}>
              {t("agents.publish")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
