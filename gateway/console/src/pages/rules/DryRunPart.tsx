import { Button, Divider, Group, NumberInput, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useDryRun } from "../../api/rules";
import type { DryRun, RuleBody } from "../../api/types";
import { When } from "../../parts/When";
import { factName, whyNot } from "./words";

const SILENT = new Set([
  "no_reply",
  "no_answer",
  "tag_set",
  "sequence_finished",
  "schedule",
  "webhook",
  "lead_added",
  "lead_moved",
  "lead_updated",
  "contact_updated",
  "task_closed",
]);
const SHOWN = 5;

interface Props {
  agentId: string;
  rule: RuleBody;
  ready: boolean;
}

/** How often a rule would have fired in the last days, and why not on the rest. */
export function DryRunPart({ agentId, rule, ready }: Props) {
  const { t } = useTranslation();
  const [days, setDays] = useState(7);
  const trying = useDryRun(agentId);
  const possible = !SILENT.has(rule.trigger.on);
  return (
    <Stack gap="sm" mt="lg" component="section">
      <Divider />
      <Title order={3} size="h5">
        {t("rules.try-title")}
      </Title>
      <Text size="sm" c="dimmed">
        {t(possible ? "rules.try-text" : "rules.try-impossible")}
      </Text>
      {possible && (
        <Group gap="sm" align="flex-end">
          <NumberInput
            w={110}
            label={t("rules.try-days")}
            min={1}
            max={30}
            allowDecimal={false}
            value={days}
            onChange={(value) => setDays(Number(value) || 7)}
          />
          <Button
            variant="light"
            loading={trying.isPending}
            disabled={!ready}
            onClick={() => trying.mutate({ rule, days })}
          >
            {t("rules.try-button")}
          </Button>
        </Group>
      )}
      {trying.data && <Found found={trying.data} />}
    </Stack>
  );
}

function Found({ found }: { found: DryRun }) {
  const { t } = useTranslation();
  const reasons = Object.entries(found.reasons).slice(0, SHOWN);
  const unknown = Object.entries(found.unknown);
  return (
    <Stack gap="xs" role="status">
      <Text fw={600}>{t("rules.try-fired", { count: found.fired, woken: found.woken })}</Text>
      {!found.complete && <Text size="sm">{t("rules.try-newest")}</Text>}
      {found.hits.map((hit) => (
        <Group key={hit.message_id} gap="xs" wrap="nowrap" align="baseline">
          <When at={hit.at} />
          <Text size="sm" className="wraps" lineClamp={2}>
            {hit.text}
          </Text>
        </Group>
      ))}
      {reasons.length > 0 && (
        <>
          <Text size="sm" fw={600}>
            {t("rules.try-why")}
          </Text>
          {reasons.map(([reason, count]) => (
            <Text key={reason} size="sm" c="dimmed" className="wraps">
              {count} × {whyNot(t, reason)}
            </Text>
          ))}
        </>
      )}
      {unknown.length > 0 && (
        <Text size="sm" c="dimmed">
          {t("rules.try-unknown", {
            facts: unknown.map(([fact, count]) => `${factName(t, fact)} (${count})`).join(", "),
          })}
        </Text>
      )}
    </Stack>
  );
}
