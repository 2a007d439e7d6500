import { Button, Card, Code, Group, Stack, Switch, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useRunSchedule, useSchedules, useSwitchSchedule } from "../../api/jobs";
import type { Schedule } from "../../api/types";
import { useMay } from "../../app/session";
import { showDone } from "../../app/toasts";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import classes from "./Jobs.module.css";
import { useJobName } from "./words";

/** What runs by itself. */
export function Schedules() {
  const { t } = useTranslation();
  const schedules = useSchedules();
  if (schedules.isPending) return <Loading />;
  if (schedules.isError && !schedules.data) {
    return <Failed error={schedules.error} again={() => void schedules.refetch()} />;
  }
  if (schedules.data.length === 0) return null;
  return (
    <Card withBorder px="lg" py="sm">
      <Title order={2} size="h5">
        {t("jobs.by-itself")}
      </Title>
      {schedules.data.map((schedule) => (
        <Row key={schedule.id} schedule={schedule} />
      ))}
    </Card>
  );
}

function Row({ schedule }: { schedule: Schedule }) {
  const { t } = useTranslation();
  const nameOf = useJobName();
  const mayChange = useMay("admin");
  const turn = useSwitchSchedule();
  const run = useRunSchedule();
  const name = nameOf(schedule.name);
  return (
    <Group className={classes.row} justify="space-between" gap="sm">
      <Stack gap={2} className={classes.words}>
        <Text fw={600} className="wraps">
          {name}
        </Text>
        <Text size="sm" c="dimmed">
          <Code>{schedule.cron}</Code> {schedule.time_zone}
          {schedule.enabled && schedule.next_at && (
            <>
              {" · "}
              {t("jobs.next-run")} <When at={schedule.next_at} size="sm" />
            </>
          )}
        </Text>
        {schedule.problem && (
          <Text size="sm" c="var(--mantine-color-error)" className="wraps">
            {schedule.problem}
          </Text>
        )}
      </Stack>
      {mayChange && (
        <Group gap="sm">
          <Switch
            checked={schedule.enabled}
            disabled={turn.isPending}
            aria-label={t("jobs.runs-by-itself", { name })}
            onChange={() => turn.mutate(schedule)}
          />
          <Button
            size="xs"
            variant="default"
            loading={run.isPending}
            aria-label={`${t("jobs.run")}: ${name}`}
            onClick={() => run.mutate(schedule.id, { onSuccess: () => showDone(t("jobs.asked-for")) })}
          >
            {t("jobs.run")}
          </Button>
        </Group>
      )}
    </Group>
  );
}
