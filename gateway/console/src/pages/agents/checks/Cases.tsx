import { ActionIcon, Badge, Button, Card, Group, Stack, Text, Title, Tooltip } from "@mantine/core";
import IconTrash from "@tabler/icons-react/icons/IconTrash";
import { useTranslation } from "react-i18next";
import { useChecks, useDeleteCheck, useRestoreCheck, useRunChecks } from "../../../api/checks";
import type { Check } from "../../../api/types";
import { offerUndo, showDone } from "../../../app/toasts";
import { Failed, Loading } from "../../../parts/states";
import { When } from "../../../parts/When";
import classes from "../Agents.module.css";
import { OutcomeBadge, useExpectation } from "./outcomes";

export function Cases({ agentId, mayEdit }: { agentId: string; mayEdit: boolean }) {
  const { t } = useTranslation();
  const checks = useChecks(agentId);
  const run = useRunChecks(agentId);
  const runAll = () =>
    run.mutate(undefined, {
      onSuccess: ({ passed, failed, open }) => showDone(t("checks.ran", { passed, failed, open })),
    });
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("checks.title")}>
      <Group justify="space-between" gap="sm" mb="xs">
        <Title order={2} size="h4">
          {t("checks.title")}
        </Title>
        {mayEdit && Boolean(checks.data?.length) && (
          <Button size="xs" loading={run.isPending} onClick={runAll}>
            {t("checks.run")}
          </Button>
        )}
      </Group>
      <Text size="sm" c="dimmed">
        {t("checks.text")}
      </Text>
      {checks.isPending && <Loading />}
      {checks.isError && <Failed error={checks.error} again={() => void checks.refetch()} />}
      {checks.data?.length === 0 && (
        <Text size="sm" mt="md">
          {t("checks.none")}
        </Text>
      )}
      <div>
        {checks.data?.map((check) => (
          <Row key={check.id} agentId={agentId} check={check} mayEdit={mayEdit} />
        ))}
      </div>
    </Card>
  );
}

function Row({ agentId, check, mayEdit }: { agentId: string; check: Check; mayEdit: boolean }) {
  const { t } = useTranslation();
  const expectationOf = useExpectation();
  const remove = useRemove(agentId);
  return (
    <Group className={classes.version} justify="space-between" align="flex-start" wrap="nowrap" gap="sm">
      <Stack gap={4} miw={0} flex={1}>
        <Group gap="xs">
          <Text fw={600} className="wraps">
            {check.question}
          </Text>
          {check.outcome ? (
            <OutcomeBadge outcome={check.outcome} />
          ) : (
            <Badge variant="default" tt="none" fw={500}>
              {t("checks.never-run")}
            </Badge>
          )}
        </Group>
        <Text size="sm" className="wraps">
          {t("checks.expected")} {expectationOf(check)}
        </Text>
        {check.outcome === "failed" && check.said && (
          <Text size="sm" c="dimmed" className="wraps" lineClamp={3}>
            {t("checks.said", { text: check.said.text || t("mode.silent") })}
          </Text>
        )}
        {check.outcome_at && check.outcome_version !== null && (
          <Text size="xs" c="dimmed">
            {t("version.number", { number: check.outcome_version })} · <When at={check.outcome_at} />
          </Text>
        )}
      </Stack>
      {mayEdit && (
        <Tooltip label={t("app.delete")}>
          <ActionIcon aria-label={t("checks.delete", { question: check.question })} onClick={() => remove(check)}>
            <IconTrash size={18} />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}

/** Delete at once, and offer to take it back. */
function useRemove(agentId: string) {
  const { t } = useTranslation();
  const { mutate: restore } = useRestoreCheck(agentId);
  const { mutate } = useDeleteCheck(agentId);
  return (check: Check) =>
    mutate(check.id, {
      onSuccess: () =>
        offerUndo(`deleted-${check.id}`, t("checks.deleted", { question: check.question }), () => restore(check.id)),
    });
}
