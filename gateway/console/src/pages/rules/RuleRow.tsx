import { ActionIcon, Badge, Group, Switch, Text, Tooltip, UnstyledButton } from "@mantine/core";
import IconArrowDown from "@tabler/icons-react/icons/IconArrowDown";
import IconArrowUp from "@tabler/icons-react/icons/IconArrowUp";
import IconTrash from "@tabler/icons-react/icons/IconTrash";
import { useTranslation } from "react-i18next";
import { bodyOf, useDeleteRule, useRestoreRule, useSaveRule } from "../../api/rules";
import type { Rule } from "../../api/types";
import { offerUndo } from "../../app/toasts";
import classes from "../scripts/Scripts.module.css";
import { duration } from "./words";

interface Props {
  agentId: string;
  rule: Rule;
  mayEdit: boolean;
  onOpen: () => void;
  onMove: ((by: number) => void) | undefined;
  first: boolean;
  last: boolean;
}

export function RuleRow({ agentId, rule, mayEdit, onOpen, onMove, first, last }: Props) {
  const { t } = useTranslation();
  const save = useSaveRule(agentId);
  const remove = useRemove(agentId);
  const after = Number(rule.trigger.after_s ?? 0);
  const named = { name: rule.name };
  return (
    <div className={classes.row} data-off={!rule.enabled || undefined}>
      <UnstyledButton className={classes.open} onClick={onOpen}>
        <Group gap="xs">
          <Text fw={600} className="wraps">
            {rule.name}
          </Text>
          {rule.limit !== "always" && (
            <Badge variant="default" tt="none" fw={500}>
              {t(`rules.limits.${rule.limit}`)}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed" className="wraps">
          {t(`rules.on.${String(rule.trigger.on)}`)}
          {after > 0 && ` · ${duration(t, after)}`}
          {" → "}
          {rule.actions.map((action) => t(`rules.do.${String(action.do)}`)).join(", ")}
        </Text>
      </UnstyledButton>
      {mayEdit && (
        <Group gap={4} wrap="nowrap">
          <ActionIcon disabled={first || !onMove} onClick={() => onMove?.(-1)} aria-label={t("rules.up", named)}>
            <IconArrowUp size={18} />
          </ActionIcon>
          <ActionIcon disabled={last || !onMove} onClick={() => onMove?.(1)} aria-label={t("rules.down", named)}>
            <IconArrowDown size={18} />
          </ActionIcon>
          <Switch
            aria-label={t("rules.switch", named)}
            checked={rule.enabled}
            disabled={save.isPending}
            onChange={(event) =>
              save.mutate({ body: { ...bodyOf(rule), enabled: event.currentTarget.checked }, known: rule })
            }
          />
          <Tooltip label={t("app.delete")}>
            <ActionIcon aria-label={t("rules.delete", named)} onClick={() => remove(rule)}>
              <IconTrash size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </div>
  );
}

/** Delete at once, and offer to take it back. */
function useRemove(agentId: string) {
  const { t } = useTranslation();
  const { mutate: restore } = useRestoreRule(agentId);
  const { mutate } = useDeleteRule(agentId);
  return (rule: Rule) =>
    mutate(rule, {
      onSuccess: () => offerUndo(`deleted-${rule.id}`, t("rules.deleted", { name: rule.name }), () => restore(rule)),
    });
}
