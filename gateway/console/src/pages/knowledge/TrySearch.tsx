import { Badge, Button, Card, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearch } from "../../api/knowledge";
import type { Found } from "../../api/types";
import { shownTitle } from "./titles";

const COLORS = { sure: "green", maybe: "yellow", no: "gray" } as const;

/** What the agent would find for a question, and how sure it would be. */
export function TrySearch({ agentId }: { agentId: string }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const searching = useSearch(agentId);
  return (
    <Card withBorder padding="md">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) searching.mutate(text.trim());
        }}
      >
        <Group gap="sm" align="flex-end">
          <TextInput
            flex="1 1 240px"
            label={t("knowledge.try")}
            placeholder={t("try.placeholder")}
            maxLength={2000}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button type="submit" variant="light" loading={searching.isPending} disabled={!text.trim()}>
            {t("knowledge.find")}
          </Button>
        </Group>
      </form>
      {searching.data && <Hits found={searching.data} />}
    </Card>
  );
}

function Hits({ found }: { found: Found }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 });
  return (
    <Stack gap="xs" mt="md" role="status">
      <Text fw={600}>{t(`knowledge.says.${found.verdict}`)}</Text>
      {!found.by_meaning && (
        <Text size="sm" c="dimmed">
          {t("knowledge.words-for-now")}
        </Text>
      )}
      {found.hits.map((hit) => (
        <Card key={hit.chunk_id} withBorder padding="sm" bg="transparent">
          <Group justify="space-between" align="flex-start" gap="xs">
            <Text size="sm" fw={600} className="wraps">
              {shownTitle(hit.title, hit.heading)}
            </Text>
            <Badge variant="light" autoContrast tt="none" color={COLORS[hit.verdict]}>
              {t(`knowledge.verdict.${hit.verdict}`)}
            </Badge>
          </Group>
          <Text size="sm" mt={4} className="wraps" lineClamp={4}>
            {hit.text}
          </Text>
          <Text size="xs" c="dimmed" mt={4}>
            {t(found.by_meaning ? "knowledge.likeness" : "knowledge.likeness-words", {
              meaning: number.format(hit.cosine),
              words: number.format(hit.words),
            })}
          </Text>
        </Card>
      ))}
    </Stack>
  );
}
