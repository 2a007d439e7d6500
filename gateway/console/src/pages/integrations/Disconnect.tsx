import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useDisconnect } from "../../api/integrations";
import type { Integration } from "../../api/types";
import { showDone } from "../../app/toasts";
import { Removal } from "../../parts/Removal";

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
      <Removal
        opened={asking}
        title={t("integrations.disconnect-title", { bot })}
        text={t("integrations.disconnect-text")}
        button={t("integrations.disconnect")}
        loading={disconnect.isPending}
        onClose={ask.close}
        onConfirm={send}
      />
    </>
  );
}
