import { Badge, Button, Code, Group, Progress, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { isOpen, useCancelJob, useRetryJob } from "../../api/jobs";
import type { Job } from "../../api/types";
import { useMay } from "../../app/session";
import { When } from "../../parts/When";
import classes from "./Jobs.module.css";
import { useJobName } from "./words";

const ENDED_BADLY = ["failed", "dead"];

export function JobRow({ job }: { job: Job }) {
  const { t } = useTranslation();
  const nameOf = useJobName();
  const bad = ENDED_BADLY.includes(job.state);
  return (
    <Group className={classes.row} justify="space-between" align="flex-start" gap="sm">
      <Stack gap={4} className={classes.words}>
        <Group gap="xs">
          <Text fw={600} className="wraps">
            {nameOf(job.name)}
          </Text>
          <Badge
            variant={job.state === "running" || job.state === "done" ? "light" : "default"}
            tt="none"
            fw={500}
            {...(bad && { c: "var(--mantine-color-error)" })}
          >
            {t(job.cancel_requested ? "jobs.ending" : `jobs.states.${job.state}`)}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed">
          {t("jobs.asked")} <When at={job.created_at} size="sm" />
          {job.created_by && ` · ${job.created_by}`}
          {job.attempts > 1 && ` · ${t("jobs.tries", { count: job.attempts })}`}
        </Text>
        {job.state === "queued" && job.attempts > 0 && (
          <Text size="sm">
            {t("jobs.next-try")} <When at={job.run_at} size="sm" />
          </Text>
        )}
        {isOpen(job) && <HowFar job={job} />}
        {job.state === "done" && <Result job={job} />}
        {job.error && job.state !== "done" && (
          <Text size="sm" className="wraps" {...(bad && { c: "var(--mantine-color-error)" })}>
            {job.error}
          </Text>
        )}
      </Stack>
      <Actions job={job} />
    </Group>
  );
}

function HowFar({ job }: { job: Job }) {
  const { t, i18n } = useTranslation();
  const { done, total, note } = job.progress;
  const number = new Intl.NumberFormat(i18n.language);
  if (job.state !== "running" && done === 0) return null;
  const text = total === null ? number.format(done) : `${number.format(done)} / ${number.format(total)}`;
  return (
    <Stack gap={2}>
      <Progress
        aria-label={t("jobs.progress")}
        value={total === null ? 100 : total === 0 ? 0 : (100 * done) / total}
        striped={total === null}
        animated={total === null}
      />
      <Text size="xs" c="dimmed" className="wraps">
        {note ? `${text} · ${note}` : text}
      </Text>
    </Stack>
  );
}

function Result({ job }: { job: Job }) {
  const { t, i18n } = useTranslation();
  const result = job.result ?? {};
  const format = (value: unknown) => new Intl.NumberFormat(i18n.language).format(Number(value));
  if (job.name === "activity:retention") {
    return (
      <Text size="sm">{t("jobs.deleted", { count: Number(result.deleted), number: format(result.deleted) })}</Text>
    );
  }
  if (job.name === "conversations:export") {
    const conversations = t("jobs.conversations", {
      count: Number(result.conversations),
      number: format(result.conversations),
    });
    const messages = t("jobs.messages", { count: Number(result.messages), number: format(result.messages) });
    return (
      <Text size="sm">
        {conversations}, {messages}. {t("jobs.kept-until")} <When at={String(result.expires_at)} size="sm" />
      </Text>
    );
  }
  if (job.name === "digest:daily") return <Text size="sm">{t("digest.sent", { count: Number(result.sent) })}</Text>;
  if (job.name === "agent:replay") {
    const counts = { same: format(result.same), differs: format(result.differs), asked: format(result.asked) };
    return <Text size="sm">{t("replay.summary", counts)}</Text>;
  }
  if (job.name === "rules:back-test") {
    const fired = (result.tried as { fired: number }).fired;
    return <Text size="sm">{t("backtest.summary", { count: fired, events: format(result.events) })}</Text>;
  }
  return Object.keys(result).length > 0 ? <Code className="wraps">{JSON.stringify(result)}</Code> : null;
}

function Actions({ job }: { job: Job }) {
  const { t } = useTranslation();
  const mayChange = useMay("admin");
  const cancel = useCancelJob();
  const retry = useRetryJob();
  if (!mayChange) return null;
  const fetchable =
    job.name === "conversations:export" &&
    job.state === "done" &&
    Date.parse(String(job.result?.expires_at)) > Date.now();
  return (
    <Group gap="xs">
      {fetchable && (
        <Button component="a" href={`/api/exports/${job.id}/file`} download size="xs">
          {t("jobs.download")}
        </Button>
      )}
      {isOpen(job) && !job.cancel_requested && (
        <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(job.id)}>
          {t("jobs.cancel")}
        </Button>
      )}
      {!isOpen(job) && job.state !== "done" && (
        <Button size="xs" variant="default" loading={retry.isPending} onClick={() => retry.mutate(job.id)}>
          {t("jobs.retry")}
        </Button>
      )}
    </Group>
  );
}
