import { Alert, Anchor, Badge, Button, Card, Group, Select, Stack, Text } from "@mantine/core";
import IconUsers from "@tabler/icons-react/icons/IconUsers";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useEnrollments, useMoveEnrollment, useMoveRuns } from "../../api/sequences";
import type { Enrollment, Sequence } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { Empty, Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";

const STATES = ["active", "paused", "finished", "stopped"] as const;

/** Who is at which step, and what may be done about it. */
export function Runs({ agentId, sequence }: { agentId: string; sequence: Sequence }) {
  const { t } = useTranslation();
  const [state, setState] = useState<Enrollment["state"] | undefined>();
  const runs = useEnrollments(agentId, sequence.id, state);
  const move = useMoveRuns(agentId, sequence.id);
  const mayEdit = useMay("admin");
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack gap="sm">
      {sequence.runs.outdated > 0 && (
        <Alert variant="light" title={t("sequences.outdated", { count: sequence.runs.outdated })}>
          <Stack gap="xs" align="flex-start">
            <Text size="sm">{t("sequences.outdated-text")}</Text>
            {mayEdit && (
              <Button
                size="xs"
                variant="default"
                loading={move.isPending}
                onClick={() =>
                  move.mutate(undefined, {
                    onSuccess: ({ moved }) => showDone(t("sequences.moved", { count: moved })),
                  })
                }
              >
                {t("sequences.move")}
              </Button>
            )}
          </Stack>
        </Alert>
      )}
      <Select
        w={220}
        label={t("sequences.which-runs")}
        placeholder={t("sequences.all-runs")}
        clearable
        clearButtonProps={{ "aria-label": t("sequences.all-runs") }}
        data={STATES.map((value) => ({ value, label: t(`sequences.state.${value}`) }))}
        value={state ?? null}
        onChange={(chosen) => setState((chosen as Enrollment["state"] | null) ?? undefined)}
      />
      {runs.isPending && <Loading />}
      {runs.isError && <Failed error={runs.error} again={() => void runs.refetch()} />}
      {runs.data && items.length === 0 && (
        <Empty icon={<IconUsers />} title={t("sequences.runs-empty")} text={t("sequences.runs-empty-text")} />
      )}
      {items.map((run) => (
        <Run key={run.id} agentId={agentId} sequenceId={sequence.id} run={run} />
      ))}
      {runs.hasNextPage && (
        <Button variant="default" loading={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
          {t("app.more")}
        </Button>
      )}
    </Stack>
  );
}

function Run({ agentId, sequenceId, run }: { agentId: string; sequenceId: string; run: Enrollment }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const mayMove = useMay("operator");
  const move = useMoveEnrollment(agentId, sequenceId);
  const name = run.title || t("sequences.nameless", { id: run.conversation_id });
  const running = run.state === "active" || run.state === "paused";
  const act = (what: "stop" | "skip" | "restart") => move.mutate({ id: run.id, move: what });
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between" wrap="nowrap">
        <Anchor
          component={Link}
          to={`/manage/${tenant.id}/conversations?conversation=${run.conversation_id}`}
          className="wraps"
          underline="always"
        >
          {name}
        </Anchor>
        <Badge variant="default" tt="none" fw={500} style={{ flexShrink: 0 }}>
          {t(`sequences.state.${run.state}`)}
        </Badge>
      </Group>
      <Text size="sm" className="wraps">
        {running ? where(t, run) : t(`sequences.ended.${run.reason || "end"}`)}
        {running && run.next_at && (
          <>
            {" · "}
            <When at={run.next_at} size="sm" />
          </>
        )}
      </Text>
      {!run.latest && running && (
        <Text size="xs" c="dimmed">
          {t("sequences.older-steps")}
        </Text>
      )}
      {mayMove && (
        <Group gap="xs" mt={6}>
          {running && (
            <>
              <Button size="compact-sm" variant="default" disabled={move.isPending} onClick={() => act("stop")}>
                {t("sequences.stop")}
              </Button>
              {run.does && (
                <Button size="compact-sm" variant="default" disabled={move.isPending} onClick={() => act("skip")}>
                  {t("sequences.skip")}
                </Button>
              )}
            </>
          )}
          <Button size="compact-sm" variant="default" disabled={move.isPending} onClick={() => act("restart")}>
            {t("sequences.restart")}
          </Button>
        </Group>
      )}
    </Card>
  );
}

function where(t: ReturnType<typeof useTranslation>["t"], run: Enrollment): string {
  if (!run.does) return t("sequences.listening");
  return t("sequences.at-step", { step: run.step, steps: run.steps, what: t(`sequences.do.${run.does}`) });
}
