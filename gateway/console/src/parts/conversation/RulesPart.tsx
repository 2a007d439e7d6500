import { Card, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useActionsOf } from "../../api/rules";
import { ActionState } from "../../pages/rules/ActionState";
import { question, whatWasDone, whyNot } from "../../pages/rules/words";
import type { Trace } from "./trace";

type Rules = NonNullable<Trace["rules"]>;

/** Which rules fired and why, which did not and why not. */
export function RulesOf({ rules, nameOf }: { rules: Rules; nameOf: (id: string) => string }) {
  const { t } = useTranslation();
  const lost = (rules.events ?? []).flatMap(({ losers }) => Object.entries(losers ?? {}));
  return (
    <Stack gap="xs">
      {(rules.fired ?? []).map((fired) => (
        <Card key={`${fired.rule}-${fired.on}`} withBorder padding="sm" bg="transparent">
          <Text size="sm" fw={600} className="wraps">
            {fired.name || fired.rule}
          </Text>
          <Text size="sm" className="wraps">
            {fired.done.map((done) => whatWasDone(t, done)).join(" → ")}
          </Text>
          {(fired.reasons ?? []).map((reason) => (
            <Text key={reason} size="sm" c="dimmed" className="wraps">
              {question(t, reason)}
            </Text>
          ))}
        </Card>
      ))}
      {(rules.failed ?? []).map((failed) => (
        <Text key={`${failed.rule}-${failed.on}`} size="sm" c="var(--mantine-color-error)" className="wraps">
          {nameOf(failed.rule)}: {whyNot(t, failed.reason)}
        </Text>
      ))}
      {lost.map(([reason, ids]) => (
        <Text key={reason} size="sm" c="dimmed" className="wraps">
          {ids.map(nameOf).join(", ")}: {whyNot(t, reason)}
        </Text>
      ))}
    </Stack>
  );
}

/** What the turn asked of systems outside, or would have. */
export function ActionsOf({ conversationId, messageId }: { conversationId: string; messageId: string }) {
  const { t } = useTranslation();
  const found = useActionsOf(conversationId, messageId);
  if (!found.data) return null;
  if (found.data.items.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t("trace.no-actions")}
      </Text>
    );
  }
  return found.data.items.map((action) => <ActionState key={action.id} action={action} />);
}
