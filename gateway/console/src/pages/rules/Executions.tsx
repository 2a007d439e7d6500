import { Badge, Button, Card, Group, Stack, Text } from "@mantine/core";
import IconHistory from "@tabler/icons-react/icons/IconHistory";
import { useTranslation } from "react-i18next";
import { useExecutions } from "../../api/rules";
import type { Execution } from "../../api/types";
import { Empty, Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import { ActionState } from "./ActionState";
import { question, whatWasDone, whyNot } from "./words";

/** When a rule fired or failed, what it asked and what became of its actions. */
export function Executions({ agentId, ruleId }: { agentId: string; ruleId: string }) {
  const { t } = useTranslation();
  const log = useExecutions(agentId, ruleId);
  if (log.isPending) return <Loading />;
  if (log.isError) return <Failed error={log.error} again={() => void log.refetch()} />;
  const items = log.data.pages.flatMap((page) => page.items);
  if (items.length === 0)
    return <Empty icon={<IconHistory />} title={t("rules.log-empty")} text={t("rules.log-empty-text")} />;
  return (
    <Stack gap="sm">
      {items.map((item) => (
        <One key={item.id} item={item} />
      ))}
      {log.hasNextPage && (
        <Button variant="default" loading={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          {t("app.more")}
        </Button>
      )}
    </Stack>
  );
}

function One({ item }: { item: Execution }) {
  const { t } = useTranslation();
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between" wrap="nowrap">
        <When at={item.at} />
        <Badge tt="none" fw={500} variant="default">
          {t(item.failed ? "rules.failed" : "rules.fired")}
        </Badge>
      </Group>
      {item.failed && (
        <Text size="sm" className="wraps">
          {whyNot(t, item.reason)}
        </Text>
      )}
      {item.done.length > 0 && (
        <Text size="sm" className="wraps">
          {item.done.map((done) => whatWasDone(t, done)).join(" → ")}
        </Text>
      )}
      {item.reasons.map((reason) => (
        <Text key={reason} size="sm" c="dimmed" className="wraps">
          {question(t, reason)}
        </Text>
      ))}
      {item.actions.map((action) => (
        <ActionState key={action.id} action={action} />
      ))}
    </Card>
  );
}
