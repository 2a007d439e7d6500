import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useDisconnect } from "../../api/integrations";
import type { Integration } from "../../api/types";
import { showDone } from "../../app/toasts";

/** For good, so it is asked first. */
export function Disconnect({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const [asking, ask] = useDisclosure(false);
  const disconnect = useDisconnect(integration);
  const bot = integration.username ? `@${integration.username}` : integration.account;
  const send = () =>
    disconnect.mutate(undefined, {
      onSuccess: () => {
        ask.close();
        showDone(t("integrations.is-disconnected", { bot }));
      },
    });
  return (
    <>
      <Button variant="default" onClick={ask.open}>
        {t("integrations.disconnect")}
      </Button>
      <Modal
        opened={asking}
        onClose={ask.close}
        title={t("integrations.disconnect-title", { bot })}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <Text size="sm">{t("integrations.disconnect-text")}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={ask.close} data-autofocus>
              {t("app.cancel")}
            </Button>
            <Button color="red.9" onClick={send} loading={disconnect.isPending}>
              {t("integrations.disconnect")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
