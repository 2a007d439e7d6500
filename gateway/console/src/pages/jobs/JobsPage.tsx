import { Button, Card, Group, Select, Stack } from "@mantine/core";
import IconChecklist from "@tabler/icons-react/icons/IconListCheck";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useExport, useJobs } from "../../api/jobs";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { showDone } from "../../app/toasts";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { JobRow } from "./JobRow";
import { Schedules } from "./Schedules";
import { JOB_NAMES, JOB_STATES, useJobName } from "./words";

export function JobsPage() {
  const { t } = useTranslation();
  const mayAsk = useMay("admin");
  const ask = useExport();
  useTitle(t("page.jobs"));
  return (
    <Page>
      <PageHead title={t("page.jobs")} text={t("jobs.text")}>
        {mayAsk && (
          <Button
            variant="default"
            loading={ask.isPending}
            onClick={() => ask.mutate(undefined, { onSuccess: () => showDone(t("jobs.export-asked")) })}
          >
            {t("jobs.export")}
          </Button>
        )}
      </PageHead>
      <Schedules />
      <List />
    </Page>
  );
}

function List() {
  const { t } = useTranslation();
  const nameOf = useJobName();
  const [where, setWhere] = useSearchParams();
  const state = JOB_STATES.find((known) => known === where.get("state"));
  const name = where.get("name") ?? undefined;
  const jobs = useJobs({ ...(state && { state }), ...(name && { name }) });
  const set = (key: string, value: string | null) =>
    setWhere(
      (old) => {
        const next = new URLSearchParams(old);
        if (value) next.set(key, value);
        else next.delete(key);
        return next;
      },
      { replace: true },
    );
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack gap="sm">
      <Group gap="sm" role="search">
        <Select
          w={220}
          aria-label={t("jobs.state")}
          placeholder={t("jobs.any-state")}
          clearable
          clearButtonProps={{ "aria-label": t("jobs.any-state") }}
          data={JOB_STATES.map((value) => ({ value, label: t(`jobs.states.${value}`) }))}
          value={state ?? null}
          onChange={(value) => set("state", value)}
        />
        <Select
          w={260}
          aria-label={t("jobs.kind")}
          placeholder={t("jobs.any-kind")}
          clearable
          clearButtonProps={{ "aria-label": t("jobs.any-kind") }}
          data={JOB_NAMES.map((value) => ({ value, label: nameOf(value) }))}
          value={name ?? null}
          onChange={(value) => set("name", value)}
        />
      </Group>
      {jobs.isPending && <Loading />}
      {jobs.isError && !jobs.data && <Failed error={jobs.error} again={() => void jobs.refetch()} />}
      {jobs.data && items.length === 0 && (
        <Empty
          icon={<IconChecklist />}
          title={t(state || name ? "jobs.none-match" : "jobs.none")}
          text={t(state || name ? "jobs.none-match-text" : "jobs.none-text")}
        />
      )}
      {items.length > 0 && (
        <Card withBorder px="lg" py="xs">
          {items.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </Card>
      )}
      {jobs.hasNextPage && (
        <Button variant="default" loading={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
          {t("app.more")}
        </Button>
      )}
    </Stack>
  );
}
