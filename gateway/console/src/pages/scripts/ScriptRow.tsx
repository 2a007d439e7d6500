import { ActionIcon, Badge, Group, Switch, Text, Tooltip, UnstyledButton } from "@mantine/core";
import IconTrash from "@tabler/icons-react/icons/IconTrash";
import IconUser from "@tabler/icons-react/icons/IconUser";
import { useTranslation } from "react-i18next";
import { bodyOf, useDeleteScript, useRestoreScript, useSaveScript } from "../../api/scripts";
import type { Script } from "../../api/types";
import { offerUndo } from "../../app/toasts";
import classes from "./Scripts.module.css";

interface Props {
  agentId: string;
  script: Script;
  mayEdit: boolean;
  onOpen: () => void;
}

export function ScriptRow({ agentId, script, mayEdit, onOpen }: Props) {
  const { t, i18n } = useTranslation();
  const save = useSaveScript(agentId);
  const remove = useRemove(agentId);
  const answer = script.answer[i18n.language] ?? Object.values(script.answer)[0];
  return (
    <div className={classes.row} data-off={!script.enabled || undefined}>
      <UnstyledButton className={classes.open} onClick={onOpen}>
        <Group gap="xs">
          <Text fw={600} className="wraps">
            {script.name}
          </Text>
          {script.steps.length > 0 && (
            <Badge variant="default" tt="none" fw={500}>
              {t("dialogue.questions", { count: script.steps.length })}
            </Badge>
          )}
          {script.handoff && (
            <Badge variant="default" tt="none" fw={500} leftSection={<IconUser size={12} />}>
              {t("scripts.handoff")}
            </Badge>
          )}
          {script.languages.map((language) => (
            <Badge key={language} variant="default" tt="none" fw={500}>
              {t(`language.${language}`, { defaultValue: language })}
            </Badge>
          ))}
        </Group>
        <Text size="sm" c="dimmed" lineClamp={1} className="wraps">
          {[...script.phrases, ...script.keywords, ...script.meanings].slice(0, 8).join(" · ") ||
            t("scripts.listens-to-nothing")}
        </Text>
        {answer && (
          <Text size="sm" lineClamp={1} className="wraps">
            {answer}
          </Text>
        )}
      </UnstyledButton>
      {mayEdit && (
        <>
          <Tooltip label={t(script.enabled ? "scripts.on" : "scripts.off")}>
            <Switch
              aria-label={t("scripts.switch", { name: script.name })}
              checked={script.enabled}
              disabled={save.isPending}
              onChange={(event) =>
                save.mutate({ body: { ...bodyOf(script), enabled: event.currentTarget.checked }, known: script })
              }
            />
          </Tooltip>
          <Tooltip label={t("app.delete")}>
            <ActionIcon aria-label={t("scripts.delete", { name: script.name })} onClick={() => remove(script)}>
              <IconTrash size={18} />
            </ActionIcon>
          </Tooltip>
        </>
      )}
    </div>
  );
}

/** Delete at once, and offer to take it back. */
function useRemove(agentId: string) {
  const { t } = useTranslation();
  const { mutate: restore } = useRestoreScript(agentId);
  const { mutate } = useDeleteScript(agentId);
  return (script: Script) =>
    mutate(script, {
      onSuccess: () =>
        offerUndo(`deleted-${script.id}`, t("scripts.deleted", { name: script.name }), () => restore(script)),
    });
}
