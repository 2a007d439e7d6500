import { SegmentedControl, Select, SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import { RANGES, useSummary } from "../../api/dashboard";
import { useTitle } from "../../app/title";
import { CHANNELS } from "../../parts/channels";
import { Page, PageHead } from "../../parts/PageHead";
import { Failed, Loading } from "../../parts/states";
import { Breakdown } from "./Breakdown";
import { Chart } from "./Chart";
import { Checklist } from "./Checklist";
import { Counters } from "./Counters";
import classes from "./Dashboard.module.css";
import { Health } from "./Health";
import { type DashboardState, useDashboardState } from "./state";
import { Unanswered } from "./Unanswered";
import { Updates } from "./Updates";

export function DashboardPage() {
  const { t } = useTranslation();
  const state = useDashboardState();
  const { range, agent, channel } = state;
  const summary = useSummary({ range, agent, channel });
  useTitle(t("page.dashboard"));
  return (
    <Page>
      <PageHead title={t("page.dashboard")} text={t("dashboard.text")}>
        <SegmentedControl
          aria-label={t("dashboard.range")}
          value={range}
          onChange={(value) => state.change("range", value === "week" ? undefined : value)}
          data={RANGES.map((value) => ({ value, label: t(`dashboard.ranges.${value}`) }))}
        />
      </PageHead>
      <Checklist />
      <Unanswered />
      <Health />
      <Narrow state={state} />
      {summary.isPending && <Loading />}
      {summary.isError && !summary.data && <Failed error={summary.error} again={() => void summary.refetch()} />}
      {summary.data && (
        <>
          <Counters summary={summary.data} />
          <section className={classes.card} aria-label={t("dashboard.chart")}>
            {summary.data.points.length > 0 ? (
              <Chart summary={summary.data} />
            ) : (
              <p className={classes.quiet}>{t("dashboard.nothing")}</p>
            )}
          </section>
          <Breakdown summary={summary.data} by="agents" />
          <Breakdown summary={summary.data} by="channels" />
        </>
      )}
      <Updates state={state} />
    </Page>
  );
}

function Narrow({ state }: { state: DashboardState }) {
  const { t } = useTranslation();
  const agents = useAgents();
  return (
    <Stack gap="sm" role="search" aria-label={t("dashboard.filters")}>
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm">
        <Select
          aria-label={t("chat.agent")}
          placeholder={t("dashboard.any-agent")}
          clearable
          clearButtonProps={{ "aria-label": t("dashboard.any-agent") }}
          data={(agents.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          value={state.agent ?? null}
          onChange={(id) => state.change("agent", id)}
        />
        <Select
          aria-label={t("inbox.channel")}
          placeholder={t("inbox.any-channel")}
          clearable
          clearButtonProps={{ "aria-label": t("inbox.any-channel") }}
          data={CHANNELS.map((value) => ({ value, label: t(`channel.${value}`) }))}
          value={state.channel ?? null}
          onChange={(channel) => state.change("channel", channel)}
        />
      </SimpleGrid>
    </Stack>
  );
}
