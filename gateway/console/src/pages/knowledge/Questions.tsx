import { ActionIcon, Anchor, Button, Card, Group, Stack, Text, Title, Tooltip } from "@mantine/core";
import IconPencil from "@tabler/icons-react/icons/IconPencil";
import IconX from "@tabler/icons-react/icons/IconX";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { type Question, useDismissal, useQuestions } from "../../api/questions";
import { useSession } from "../../app/session";
import { offerUndo } from "../../app/toasts";
import { withQuery } from "../../parts/url";
import { When } from "../../parts/When";
import classes from "./Knowledge.module.css";

const FIRST = 5;

/** What customers asked and nothing answered well: the best hint at what is missing. */
export function Questions({ agentId, mayEdit }: { agentId: string; mayEdit: boolean }) {
  const { t } = useTranslation();
  const found = useQuestions(agentId);
  const [all, setAll] = useState(false);
  if (!found.data || found.data.length === 0) return null;
  const shown = all ? found.data : found.data.slice(0, FIRST);
  return (
    <Card withBorder padding="lg" mb="md" component="section" aria-label={t("questions.title")}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("questions.title")}
        </Title>
        <Text c="dimmed">{t("questions.text")}</Text>
        <ul className={classes.questions}>
          {shown.map((question) => (
            <Row key={question.id} agentId={agentId} question={question} mayEdit={mayEdit} />
          ))}
        </ul>
        {!all && found.data.length > FIRST && (
          <Button variant="subtle" w="fit-content" onClick={() => setAll(true)}>
            {t("questions.all", { count: found.data.length })}
          </Button>
        )}
      </Stack>
    </Card>
  );
}

function Row({ agentId, question, mayEdit }: { agentId: string; question: Question; mayEdit: boolean }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const dismissal = useDismissal(agentId);
  const base = `/manage/${tenant.id}`;
  const write = withQuery(`${base}/ai-agents/${agentId}/scripts`, {
    script: "new",
    phrase: question.question.slice(0, 200),
  });
  const dismiss = () =>
    dismissal.mutate(
      { question, back: false },
      {
        onSuccess: () =>
          offerUndo(`question-${question.id}`, t("questions.dismissed"), () =>
            dismissal.mutate({ question, back: true }),
          ),
      },
    );
  return (
    <li className={classes.question}>
      <div className={classes.asked}>
        <Text size="sm" fw={600} className="wraps">
          {question.question}
        </Text>
        <Text size="xs" c="dimmed">
          {t("questions.times", { count: question.times })} · <When at={question.last_at} size="xs" /> ·{" "}
          {t(question.nothing ? "questions.nothing" : "questions.several")} ·{" "}
          <Anchor
            component={Link}
            to={withQuery(`${base}/conversations`, { conversation: question.conversation_id })}
            size="xs"
            underline="always"
          >
            {t("questions.where")}
          </Anchor>
        </Text>
      </div>
      {mayEdit && (
        <Group gap={6} wrap="nowrap">
          <Button component={Link} to={write} size="xs" variant="default" leftSection={<IconPencil size={14} />}>
            {t("questions.answer")}
          </Button>
          <Tooltip label={t("questions.dismiss")}>
            <ActionIcon
              onClick={dismiss}
              loading={dismissal.isPending}
              aria-label={t("questions.dismiss-one", { question: question.question })}
            >
              <IconX size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </li>
  );
}
