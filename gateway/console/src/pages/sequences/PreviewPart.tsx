import { Button, Divider, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usePreview } from "../../api/sequences";
import type { SequenceBody } from "../../api/types";
import { timeOfDay } from "../../parts/clock";

interface Props {
  agentId: string;
  sequence: SequenceBody;
  ready: boolean;
}

/** On which days and hours a customer would be written to. */
export function PreviewPart({ agentId, sequence, ready }: Props) {
  const { t, i18n } = useTranslation();
  const [start, setStart] = useState(() => localNow());
  const [timezone, setTimezone] = useState("");
  const preview = usePreview(agentId);
  const found = preview.data;
  const said = new Intl.DateTimeFormat(i18n.language, {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    ...timeOfDay(i18n.language),
    ...(found ? { timeZone: found.timezone } : {}),
  });
  return (
    <Stack gap="sm" mt="lg" component="section">
      <Divider />
      <Title order={3} size="h5">
        {t("sequences.preview-title")}
      </Title>
      <Text size="sm" c="dimmed">
        {t("sequences.preview-text")}
      </Text>
      <Group gap="sm" align="flex-end">
        <TextInput
          type="datetime-local"
          label={t("sequences.preview-start")}
          value={start}
          onChange={(event) => setStart(event.currentTarget.value)}
        />
        <TextInput
          label={t("sequences.preview-zone")}
          placeholder={sequence.timezone ?? ""}
          maxLength={64}
          value={timezone}
          onChange={(event) => setTimezone(event.currentTarget.value.trim())}
        />
        <Button
          variant="light"
          disabled={!ready || !start}
          loading={preview.isPending}
          onClick={() => preview.mutate({ sequence, start: new Date(start).toISOString(), timezone })}
        >
          {t("sequences.preview-button")}
        </Button>
      </Group>
      {found && (
        <Stack gap={4} role="status">
          {found.items.map((item) => (
            <Group key={item.number} gap="xs" wrap="nowrap" align="baseline">
              <Text size="sm" className="wraps">
                {item.number}. {t(`sequences.do.${item.do}`)}
              </Text>
              <Text size="sm" c="dimmed">
                <time dateTime={item.at}>{said.format(new Date(item.at))}</time>
              </Text>
            </Group>
          ))}
          <Text size="xs" c="dimmed">
            {t("sequences.preview-in", { zone: found.timezone })}
          </Text>
        </Stack>
      )}
    </Stack>
  );
}

function localNow(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
