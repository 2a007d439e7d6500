import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useBeginFromSite } from "../../api/fromSite";
import { siteAddress } from "../../parts/url";

/** The address of a site is all that is needed. */
export function FromSiteForm({ onCancel }: { onCancel: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [sent, setSent] = useState(false);
  const begin = useBeginFromSite();
  const address = siteAddress(typed);
  const send = () => {
    setSent(true);
    if (address) begin.mutate(address, { onSuccess: (begun) => void navigate(`${begun.agent_id}/from-site`) });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Stack>
        <Text size="sm">{t("from-site.text")}</Text>
        <TextInput
          label={t("from-site.address")}
          placeholder="https://shop.example"
          inputMode="url"
          maxLength={2000}
          value={typed}
          error={sent && !address ? t("knowledge.address-wrong") : undefined}
          onChange={(event) => setTyped(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={begin.isPending} disabled={!typed.trim()}>
            {t("from-site.begin")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
