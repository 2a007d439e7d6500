import { BarChart } from "@mantine/charts";
import "@mantine/charts/styles.css";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Summary } from "../../api/types";
import classes from "./Dashboard.module.css";

/** Messages over time: those answered without a person, and the others. */
export function Chart({ points, step }: Pick<Summary, "points" | "step">) {
  const { t, i18n } = useTranslation();
  // Days are counted by UTC, hours are shown as they are here.
  const format = new Intl.DateTimeFormat(
    i18n.language,
    step === "day"
      ? { day: "numeric", month: "short", timeZone: "UTC" }
      : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  );
  const data = points.map((point) => ({
    when: format.format(new Date(point.at)),
    answered: point.answered,
    others: point.messages - point.answered,
  }));
  return (
    <>
      <Text fw={600} mb="sm">
        {t("dashboard.chart")}
      </Text>
      <div aria-hidden>
        <BarChart
          h={220}
          data={data}
          dataKey="when"
          type="stacked"
          withLegend
          maxBarWidth={48}
          barProps={{ isAnimationActive: false }}
          barChartProps={{ accessibilityLayer: false }}
          series={[
            { name: "answered", label: t("dashboard.by-agent"), color: "brand.6" },
            { name: "others", label: t("dashboard.by-others"), color: "orange.6" },
          ]}
        />
      </div>
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
          {data.map((row) => (
            <tr key={row.when}>
              <th scope="row">{row.when}</th>
              <td>{row.answered}</td>
              <td>{row.others}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
