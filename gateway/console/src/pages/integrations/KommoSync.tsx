import { Alert, Badge, Button, Group, Progress, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { usePipelines, useSync } from "../../api/kommo";
import type { Integration, Pipeline, Pipelines } from "../../api/types";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import { useJobName } from "../jobs/words";
import classes from "./Kommo.module.css";

const COLOR = /^#[0-9a-f]{3,8}$/i;

/** The pipelines of an account as they were synced, what the last sync found, and how far the next one is. */
export function KommoSync({ integration, mayEdit }: { integration: Integration; mayEdit: boolean }) {
  const { t } = useTranslation();
  const known = usePipelines(integration);
  const sync = useSync(integration);
  if (known.isPending) return <Loading />;
  if (known.isError && !known.data) return <Failed error={known.error} again={() => void known.refetch()} />;
  const { pipelines, problem, pipelines_synced } = known.data;
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="xs">
        <Title order={3} size="h5">
          {t("kommo.pipelines")}
        </Title>
        {mayEdit && (
          <Button
            variant="default"
            size="xs"
            loading={sync.isPending}
            disabled={known.data.sync !== null}
            onClick={() => sync.mutate()}
          >
            {t("kommo.sync")}
          </Button>
        )}
      </Group>
      {known.data.sync && <HowFar sync={known.data.sync} />}
      {problem && (
        <Alert color="red" variant="light" title={t("kommo.failed")} className="wraps">
          {problem}
        </Alert>
      )}
      <Found known={known.data} />
      {!pipelines_synced && !known.data.sync && (
        <Text size="sm" c="dimmed">
          {t("kommo.never")}
        </Text>
      )}
      {pipelines.map((pipeline) => (
        <Stages key={pipeline.id} pipeline={pipeline} />
      ))}
    </Stack>
  );
}

function HowFar({ sync }: { sync: NonNullable<Pipelines["sync"]> }) {
  const { t, i18n } = useTranslation();
  const nameOf = useJobName();
  const number = new Intl.NumberFormat(i18n.language);
  const { done, total, state, error } = sync;
  const count = total === null ? number.format(done) : `${number.format(done)} / ${number.format(total)}`;
  return (
    <Stack gap={2} role="status">
      <Progress
        aria-label={t("jobs.progress")}
        value={total ? (100 * done) / total : 100}
        striped={!total}
        animated={!total}
      />
      <Text size="xs" c="dimmed" className="wraps">
        {nameOf(sync.name)} · {state === "queued" ? t("jobs.states.queued") : count}
        {error && ` · ${error}`}
      </Text>
    </Stack>
  );
}

function Found({ known }: { known: Pipelines }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language);
  const { pipelines_synced, contacts_synced } = known;
  const lines = [
    pipelines_synced?.pipelines && {
      what: t("kommo.of-pipelines"),
      at: pipelines_synced.finished_at,
      ...pipelines_synced.pipelines,
    },
    contacts_synced && { what: t("kommo.of-contacts"), at: contacts_synced.finished_at, ...contacts_synced.found },
  ].filter((line) => !!line);
  return lines.map((line) => (
    <Text size="sm" key={line.what}>
      {line.what} <When at={line.at} size="sm" />:{" "}
      {t("kommo.found", {
        added: number.format(line.added),
        changed: number.format(line.changed),
        removed: number.format(line.removed),
      })}
    </Text>
  ));
}

function Stages({ pipeline }: { pipeline: Pipeline }) {
  const { t } = useTranslation();
  return (
    <details>
      <summary className={classes.head}>
        <Text span fw={600} className="wraps">
          {pipeline.name}
        </Text>{" "}
        <Text span size="sm" c="dimmed">
          {t("kommo.stages", { count: pipeline.stages.length })}
          {pipeline.is_main && ` · ${t("kommo.main")}`}
        </Text>{" "}
        <Change change={pipeline.change} />
      </summary>
      <ol className={classes.stages} aria-label={t("kommo.stages-of", { pipeline: pipeline.name })}>
        {pipeline.stages.map((stage) => (
          <li key={stage.id}>
            <span
              aria-hidden
              className={classes.dot}
              {...(COLOR.test(stage.color) && { style: { background: stage.color } })}
            />
            <Text span size="sm" className="wraps">
              {stage.name}
            </Text>{" "}
            <Change change={stage.change} />
          </li>
        ))}
      </ol>
    </details>
  );
}

function Change({ change }: { change: Pipeline["change"] }) {
  const { t } = useTranslation();
  if (!change) return null;
  return (
    <Badge size="sm" variant="default" tt="none" fw={500}>
      {t(`kommo.change.${change}`)}
    </Badge>
  );
}
