import { Anchor, Button, Card, Group, Stack, Text, Textarea, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { OpenQuestion } from "../../api/types";
import type { Decisions } from "./draft";

interface Props {
  open: OpenQuestion[];
  decisions: Decisions;
  mayEdit: boolean;
}

/** What customers ask and the site does not answer; an answer here becomes a script like the others. */
export function OpenQuestions({ open, decisions, mayEdit }: Props) {
  const { t } = useTranslation();
  if (open.length === 0) return null;
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("from-site.open")}>
      <Stack gap="md">
        <Title order={2} size="h4">
          {t("from-site.open")}
        </Title>
        <Text c="dimmed">{t("from-site.open-text")}</Text>
        {open.map((question) => (
          <Stack key={question.id} gap={4}>
            <Textarea
              label={question.question}
              placeholder={t("from-site.your-answer")}
              autosize
              minRows={1}
              maxLength={3500}
              disabled={!mayEdit}
              value={decisions.draft.changes[question.id]?.answer ?? ""}
              onChange={(event) => decisions.change(question.id, { answer: event.currentTarget.value })}
            />
            {question.hint && mayEdit && !decisions.draft.changes[question.id]?.answer && (
              <Group gap="xs" wrap="nowrap" justify="space-between" align="flex-start">
                <Text size="sm" className="wraps">
                  {t("from-site.hint", { text: question.hint })}
                </Text>
                <Button
                  size="xs"
                  variant="default"
                  flex="none"
                  onClick={() => decisions.change(question.id, { answer: question.hint })}
                >
                  {t("from-site.take-hint")}
                </Button>
              </Group>
            )}
            {question.near.length > 0 && (
              <Text size="xs" c="dimmed" className="wraps">
                {t("from-site.near")}{" "}
                {question.near.map((near, place) => (
                  <span key={near.address}>
                    {place > 0 && ", "}
                    <Anchor href={near.address} target="_blank" rel="noreferrer noopener" size="xs" underline="always">
                      {near.title}
                    </Anchor>
                  </span>
                ))}
              </Text>
            )}
          </Stack>
        ))}
      </Stack>
    </Card>
  );
}
