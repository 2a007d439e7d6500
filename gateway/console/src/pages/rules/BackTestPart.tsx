import { Alert, Button, Divider, Group, NumberInput, Progress, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isTrying, useBackTest, useCancelBackTest, useStartBackTest } from "../../api/backTests";
import type { BackTest, RuleBody } from "../../api/types";
import { Failed, Loading } from "../../parts/states";
import { BackTestFound } from "./BackTestFound";

const MOST_DAYS = 90;

interface Props {
  agentId: string;
  rule: RuleBody;
  ruleId?: string;
  edited: boolean;
  ready: boolean;
}

/** How often a rule would have fired in the last days, why not on the rest, and what a change of it makes different. */
export function BackTestPart({ agentId, rule, ruleId, edited, ready }: Props) {
  const { t } = useTranslation();
  const [days, setDays] = useState(7);
  const [tried, setTried] = useState("");
  const start = useStartBackTest(agentId);
  const now = JSON.stringify(rule);
  const saved = ruleId ? { ruleId } : {};
  const send = () => {
    setTried(now);
    start.mutate(ruleId && !edited ? { ...saved, days } : { rule, ...saved, days });
  };
  return (
    <Stack gap="sm" mt="lg" component="section" aria-label={t("backtest.title")}>
      <Divider />
      <Title order={3} size="h5">
        {t("backtest.title")}
      </Title>
      <Text size="sm" c="dimmed">
        {t("backtest.text")}
      </Text>
      <Group gap="sm" align="flex-end">
        <NumberInput
          w={110}
          label={t("backtest.days")}
          min={1}
          max={MOST_DAYS}
          allowDecimal={false}
          value={days}
          onChange={(value) => setDays(Number(value) || 7)}
        />
        <Button variant="light" loading={start.isPending} disabled={!ready} onClick={send}>
          {t("backtest.start")}
        </Button>
      </Group>
      {start.data && now !== tried && (
        <Text size="sm" c="dimmed">
          {t("backtest.stale")}
        </Text>
      )}
      {start.data && <Shown key={start.data.job_id} id={start.data.job_id} />}
    </Stack>
  );
}

function Shown({ id }: { id: string }) {
  const test = useBackTest(id);
  if (test.isPending) return <Loading />;
  if (test.isError) return <Failed error={test.error} again={() => void test.refetch()} />;
  return isTrying(test.data) ? <Underway test={test.data} /> : <Ended test={test.data} />;
}

function Underway({ test }: { test: BackTest }) {
  const { t } = useTranslation();
  const cancel = useCancelBackTest(test.id);
  const { done, total } = test.progress;
  return (
    <Group gap="sm" wrap="nowrap" align="flex-end">
      <Stack gap={2} flex={1}>
        <Progress aria-label={t("jobs.progress")} value={total ? (100 * done) / total : 0} />
        <Text size="xs" c="dimmed">
          {t("backtest.how-far", { done, total: total ?? "…" })}
        </Text>
      </Stack>
      <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
        {t("backtest.cancel")}
      </Button>
    </Group>
  );
}

function Ended({ test }: { test: BackTest }) {
  const { t } = useTranslation();
  if (test.result) return <BackTestFound id={test.id} result={test.result} />;
  return (
    <Alert color={test.error ? "red" : "gray"} variant="light">
      {test.error ?? t(`jobs.states.${test.state}`)}
    </Alert>
  );
}
