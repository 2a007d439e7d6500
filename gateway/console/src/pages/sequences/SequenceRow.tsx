import { ActionIcon, Badge, Button, Group, Switch, Text, Tooltip, UnstyledButton } from "@mantine/core";
import IconTrash from "@tabler/icons-react/icons/IconTrash";
import { useTranslation } from "react-i18next";
import { bodyOf, useDeleteSequence, usePauseSequence, useRestoreSequence, useSaveSequence } from "../../api/sequences";
import type { Sequence } from "../../api/types";
import { offerUndo } from "../../app/toasts";
import classes from "../scripts/Scripts.module.css";

interface Props {
  agentId: string;
  sequence: Sequence;
  mayEdit: boolean;
  onOpen: () => void;
}

export function SequenceRow({ agentId, sequence, mayEdit, onOpen }: Props) {
  const { t } = useTranslation();
  const save = useSaveSequence(agentId);
  const pause = usePauseSequence(agentId);
  const remove = useRemove(agentId);
  const named = { name: sequence.name };
  const paused = sequence.paused_at !== null;
  return (
    <div className={classes.row} data-off={!sequence.enabled || undefined} style={{ flexWrap: "wrap" }}>
      <UnstyledButton className={classes.open} miw={200} onClick={onOpen}>
        <Group gap="xs">
          <Text fw={600} className="wraps">
            {sequence.name}
          </Text>
          {paused && (
            <Badge variant="default" tt="none" fw={500}>
              {t("sequences.paused")}
            </Badge>
          )}
          {!sequence.published && (
            <Badge variant="default" tt="none" fw={500}>
              {t("sequences.not-published")}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed" className="wraps">
          {counts(t, sequence)}
        </Text>
      </UnstyledButton>
      {mayEdit && (
        <Group gap={8} wrap="nowrap">
          <Button
            size="compact-sm"
            variant="default"
            disabled={pause.isPending}
            aria-label={t(paused ? "sequences.resume-named" : "sequences.pause-named", named)}
            onClick={() => pause.mutate({ sequence, paused: !paused })}
          >
            {t(paused ? "sequences.resume" : "sequences.pause")}
          </Button>
          <Switch
            aria-label={t("sequences.switch", named)}
            checked={sequence.enabled}
            disabled={save.isPending}
            onChange={(event) =>
              save.mutate({ body: { ...bodyOf(sequence), enabled: event.currentTarget.checked }, known: sequence })
            }
          />
          <Tooltip label={t("app.delete")}>
            <ActionIcon aria-label={t("sequences.delete", named)} onClick={() => remove(sequence)}>
              <IconTrash size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </div>
  );
}

function counts(t: ReturnType<typeof useTranslation>["t"], { steps, runs }: Sequence): string {
  const going = runs.active + runs.paused;
  const told = [t("sequences.steps", { count: steps.length }), t("sequences.going", { count: going })];
  if (runs.replied > 0) told.push(t("sequences.replied", { count: runs.replied }));
  if (runs.goal > 0) told.push(t("sequences.reached", { count: runs.goal }));
  return told.join(" · ");
}

/** Delete at once, and offer to take it back. */
function useRemove(agentId: string) {
  const { t } = useTranslation();
  const { mutate: restore } = useRestoreSequence(agentId);
  const { mutate } = useDeleteSequence(agentId);
  return (sequence: Sequence) =>
    mutate(sequence, {
      onSuccess: () =>
        offerUndo(`deleted-${sequence.id}`, t("sequences.deleted", { name: sequence.name }), () => restore(sequence)),
    });
}
