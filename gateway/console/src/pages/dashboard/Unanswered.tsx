import { Alert, Button, Group, Progress, Stack, Text } from "@mantine/core";
import IconMessage from "@tabler/icons-react/icons/IconMessageCircle";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useAnswerNow, useUnanswered } from "../../api/unanswered";
import { useMay, useSession } from "../../app/session";
import { When } from "../../parts/When";

/** After an outage: who was not answered, one button that has the agent answer them, and how far it is. */
export function Unanswered() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const known = useUnanswered();
  const answer = useAnswerNow();
  const mayAnswer = useMay("operator");
  if (!known.data || (!known.data.waiting && !known.data.answering)) return null;
  const { waiting, answering, oldest_at } = known.data;
  const inbox = `/manage/${tenant.id}/conversations?control=unanswered`;
  const title = waiting ? t("unanswered.title", { count: waiting }) : t("unanswered.asked", { count: answering });
  return (
    <Alert variant="light" icon={<IconMessage />} title={title} role="region" aria-label={title}>
      <Stack gap="sm">
        {waiting > 0 && (
          <Text size="sm">
            {t("unanswered.text")}{" "}
            {oldest_at && (
              <>
                {t("unanswered.since")} <When at={oldest_at} size="sm" />.
              </>
            )}
          </Text>
        )}
        {answering > 0 && <HowFar left={answering} />}
        <Group gap="sm">
          {mayAnswer && waiting > 0 && (
            <Button size="sm" loading={answer.isPending} onClick={() => answer.mutate()}>
              {t("unanswered.answer")}
            </Button>
          )}
          <Button size="sm" variant="default" component={Link} to={inbox}>
            {t("unanswered.look")}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}

function HowFar({ left }: { left: number }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(left);
  useEffect(() => setAll((most) => Math.max(most, left)), [left]);
  return (
    <Stack gap={2} role="status">
      <Progress aria-label={t("unanswered.progress")} value={(100 * (all - left)) / all} animated />
      <Text size="xs" c="dimmed">
        {t("unanswered.left", { count: left })}
      </Text>
    </Stack>
  );
}
