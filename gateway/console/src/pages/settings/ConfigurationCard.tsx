import { Button, Card, Group, Modal, Stack, Text, Title } from "@mantine/core";
import IconDownload from "@tabler/icons-react/icons/IconDownload";
import IconUpload from "@tabler/icons-react/icons/IconUpload";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { EXPORT_URL } from "../../api/configuration";
import { ImportPreview } from "./ImportPreview";

/** Everything that agents say and know as one file, and back. */
export function ConfigurationCard() {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<string>();
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm" align="flex-start">
        <Title order={2} size="h4">
          {t("settings.configuration")}
        </Title>
        <Text c="dimmed">{t("settings.configuration-text")}</Text>
        <Group gap="xs">
          <Button component="a" href={EXPORT_URL} download leftSection={<IconDownload size={16} />}>
            {t("settings.export")}
          </Button>
          <Button variant="default" leftSection={<IconUpload size={16} />} onClick={() => input.current?.click()}>
            {t("settings.import")}
          </Button>
        </Group>
      </Stack>
      <input
        ref={input}
        type="file"
        accept=".yaml,.yml,application/yaml"
        hidden
        aria-label={t("settings.import")}
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (chosen) void chosen.text().then(setFile);
        }}
      />
      <Modal
        opened={file !== undefined}
        onClose={() => setFile(undefined)}
        size="lg"
        title={t("settings.import-title")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        {file !== undefined && <ImportPreview file={file} onClose={() => setFile(undefined)} />}
      </Modal>
    </Card>
  );
}
