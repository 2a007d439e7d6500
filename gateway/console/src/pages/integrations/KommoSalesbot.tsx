import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useKommoAccount, useSalesbotStep } from "../../api/kommo";
import type { Integration } from "../../api/types";
import { Copied } from "../../parts/Copied";
import { Failed } from "../../parts/states";
import { When } from "../../parts/When";

/** The address at which a Salesbot of the account asks for answers; it is a secret, so it is fetched when somebody wants it. */
export function KommoSalesbot({ integration }: { integration: Integration }) {
  const { t } = useTranslation();
  const [wanted, setWanted] = useState(false);
  const account = useKommoAccount(integration);
  const step = useSalesbotStep(integration, wanted);
  const asked = account.data?.salesbot_asked_at;
  return (
    <Stack gap="xs">
      <Title order={3} size="h5">
        {t("kommo.salesbot")}
      </Title>
      <Text size="sm">{t("kommo.salesbot-text")}</Text>
      {account.data?.access === "long_lived" && <Text size="sm">{t("kommo.salesbot-token")}</Text>}
      {asked && (
        <Text size="sm" c="dimmed">
          {t("kommo.salesbot-asked")} <When at={asked} size="sm" />
        </Text>
      )}
      {step.isError && <Failed error={step.error} again={() => void step.refetch()} />}
      {step.data ? (
        <>
          <Copied value={new URL(step.data.url, location.origin).href} />
          <Text size="sm">{t("kommo.salesbot-behind")}</Text>
          <Copied value="{{json.reply}}" />
        </>
      ) : (
        account.data?.access === "oauth" && (
          <Group>
            <Button variant="default" size="xs" loading={step.isFetching} onClick={() => setWanted(true)}>
              {t("kommo.salesbot-show")}
            </Button>
          </Group>
        )
      )}
    </Stack>
  );
}
