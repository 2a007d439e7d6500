import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useStopButton } from "../api/operators";
import { showDone } from "./toasts";

interface Props {
  opened: boolean;
  close: () => void;
  agent?: { id: string; name: string };
}

/** Asks before a bot is silenced. */
export function StopDialog({ opened, close, agent }: Props) {
  const { t } = useTranslation();
  const press = useStopButton();
  const stop = () =>
    press.mutate(agent ? { agentId: agent.id, stop: true } : { stop: true }, {
      onSuccess: (done) => {
        close();
        showDone(t("stop.done", { count: done.withdrawn }));
      },
    });
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={agent ? t("stop.ask-agent", { name: agent.name }) : t("stop.ask-company")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Stack>
        <Text size="sm">{t("stop.text")}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            {t("app.cancel")}
          </Button>
          <Button color="red" onClick={stop} loading={press.isPending}>
            {t("stop.press")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
