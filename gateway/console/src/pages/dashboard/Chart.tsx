import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Summary } from "../../api/types";
import { timeOfDay } from "../../parts/clock";
import chart from "./Chart.module.css";
import classes from "./Dashboard.module.css";

const HOUR_MS = 3_600_000;

/**
 * Messages over time: those answered without a person, and the others. Drawn by hand: the library for charts alone has
 * 131 KiB, more than the first page may still weigh. What is drawn is a table for who does not see it.
 */
export function Chart({ summary }: { summary: Summary }) {
  const { t, i18n } = useTranslation();
  const format = new Intl.DateTimeFormat(i18n.language, dates(summary.step, i18n.language));
  const bars = columns(summary);
  const most = Math.max(...bars.map((bar) => bar.messages), 1);
  const number = new Intl.NumberFormat(i18n.language);
  const first = bars[0];
  const last = bars[bars.length - 1];
  return (
    <>
      <Group justify="space-between" mb="sm" gap="xs">
        <Text fw={600}>{t("dashboard.chart")}</Text>
        <Group gap="md">
          <Legend part="answered" text={t("dashboard.by-agent")} />
          <Legend part="others" text={t("dashboard.by-others")} />
        </Group>
      </Group>
      <div aria-hidden className={chart.plot}>
        <Text size="xs" c="dimmed" className={chart.most}>
          {number.format(most)}
        </Text>
        {bars.map((bar) => (
          <div
            key={bar.at}
            className={chart.column}
            title={`${format.format(bar.at)}: ${number.format(bar.answered)} / ${number.format(bar.messages)}`}
          >
            <div
              className={chart.bar}
              data-part="others"
              style={{ height: `${((bar.messages - bar.answered) / most) * 100}%` }}
            />
            <div className={chart.bar} data-part="answered" style={{ height: `${(bar.answered / most) * 100}%` }} />
          </div>
        ))}
      </div>
      {first && last && (
        <Group justify="space-between" aria-hidden>
          <Text size="xs" c="dimmed">
            {format.format(first.at)}
          </Text>
          <Text size="xs" c="dimmed">
            {format.format(last.at)}
          </Text>
        </Group>
      )}
      <table className={classes.hidden}>
        <caption>{t("dashboard.chart")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("dashboard.time")}</th>
            <th scope="col">{t("dashboard.by-agent")}</th>
            <th scope="col">{t("dashboard.by-others")}</th>
          </tr>
        </thead>
        <tbody>
          {bars
            .filter((bar) => bar.messages > 0)
            .map((bar) => (
              <tr key={bar.at}>
                <th scope="row">{format.format(bar.at)}</th>
                <td>{bar.answered}</td>
                <td>{bar.messages - bar.answered}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </>
  );
}

function Legend({ part, text }: { part: string; text: string }) {
  return (
    <Group gap={6} wrap="nowrap">
      <span className={chart.sign} data-part={part} aria-hidden />
      <Text size="xs">{text}</Text>
    </Group>
  );
}

// Days are counted by UTC; hours are shown as they are here.
function dates(step: Summary["step"], language: string): Intl.DateTimeFormatOptions {
  const day = { day: "numeric", month: "short" } as const;
  return step === "day" ? { ...day, timeZone: "UTC" } : { ...day, ...timeOfDay(language) };
}

/** One column for each hour or day of the range, whether something happened in it or not. */
function columns({ points, since, until, step }: Summary) {
  const width = step === "day" ? 24 * HOUR_MS : HOUR_MS;
  const known = new Map(points.map((point) => [Date.parse(point.at), point]));
  const bars: { at: number; messages: number; answered: number }[] = [];
  for (let at = Math.floor(Date.parse(since) / width) * width; at < Date.parse(until); at += width) {
    bars.push({ at, messages: known.get(at)?.messages ?? 0, answered: known.get(at)?.answered ?? 0 });
  }
  return bars;
}
