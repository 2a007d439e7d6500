import { Alert, Button, Code, CopyButton, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** Something that is shown once, and never again. */
export function Secret({
  title,
  text,
  value,
  onDone,
}: Record<"title" | "text" | "value", string> & { onDone: () => void }) {
  const { t } = useTranslation();
  return (
    <Stack>
      <Alert variant="light" title={title}>
        <Text size="sm">{text}</Text>
      </Alert>
      <Code block className="wraps" data-secret c="var(--mantine-color-text)">
        {value}
      </Code>
      <Group justify="flex-end">
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy} data-autofocus>
              {t(copied ? "app.copied" : "app.copy")}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onDone}>{t("app.done")}</Button>
      </Group>
    </Stack>
  );
}
