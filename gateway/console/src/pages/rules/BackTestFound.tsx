import { Button, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { BackTestEvent, BackTestResult } from "../../api/types";
import { BackTestEvents } from "./BackTestEvents";
import classes from "./Rules.module.css";
import { factName, whyNot } from "./words";

type Outcome = BackTestEvent["outcome"];

interface Props {
  id: string;
  result: BackTestResult;
}

/** What came of a rule that was tried: in numbers first, then event by event. */
export function BackTestFound({ id, result }: Props) {
  const { t } = useTranslation();
  const { tried, saved, gained, lost } = result;
  const counts: [Outcome, number][] = saved
    ? [
        ["gained", gained],
        ["lost", lost],
        ["fired", tried.fired - gained],
      ]
    : [["fired", tried.fired]];
  const [chosen, choose] = useState<Outcome>(() => counts.find(([, count]) => count > 0)?.[0] ?? "fired");
  return (
    <Stack gap="sm" role="status">
      <Text fw={600}>{t("backtest.fired", { count: tried.fired, woken: tried.woken })}</Text>
      {saved && (
        <Text size="sm">
          {t("backtest.saved", { count: saved.fired })}{" "}
          {gained + lost > 0 ? t("backtest.differs", { count: gained + lost }) : t("backtest.same")}
        </Text>
      )}
      {result.events === 0 && <Text size="sm">{t("backtest.no-events", { count: result.turns })}</Text>}
      {saved && gained + lost > 0 && (
        <SegmentedControl
          aria-label={t("backtest.outcomes")}
          className={classes.outcomes ?? ""}
          value={chosen}
          onChange={(value) => choose(value as Outcome)}
          data={counts.map(([value, count]) => ({ value, label: `${t(`backtest.outcome.${value}`)}: ${count}` }))}
        />
      )}
      {counts.some(([outcome, count]) => outcome === chosen && count > 0) && (
        <BackTestEvents key={chosen} id={id} outcome={chosen} />
      )}
      <Reasons id={id} result={result} />
      {tried.unknown.length > 0 && (
        <Text size="sm" c="dimmed">
          {t("backtest.unknown", {
            facts: tried.unknown.map(({ fact, events }) => `${factName(t, fact)} (${events})`).join(", "),
          })}
        </Text>
      )}
    </Stack>
  );
}

/** Why the rule did not fire on the rest, the most frequent reason first; each with some of its events. */
function Reasons({ id, result }: Props) {
  const { t } = useTranslation();
  const [opened, open] = useState<string>();
  const { reasons } = result.tried;
  if (reasons.length === 0) return null;
  return (
    <Stack gap={4} align="stretch">
      <Text size="sm" fw={600}>
        {t("backtest.why")}
      </Text>
      {reasons.map(({ reason, events }) => (
        <Stack key={reason} gap={4}>
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            justify="flex-start"
            aria-expanded={opened === reason}
            classNames={{ label: classes.reason ?? "", root: classes.reasonButton ?? "" }}
            onClick={() => open(opened === reason ? undefined : reason)}
          >
            {events} × {whyNot(t, reason)}
          </Button>
          {opened === reason && <BackTestEvents id={id} outcome="missed" reason={reason} />}
        </Stack>
      ))}
    </Stack>
  );
}
