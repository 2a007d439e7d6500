import { ActionIcon, Badge, Group, Text, Tooltip, UnstyledButton } from "@mantine/core";
import IconTrash from "@tabler/icons-react/icons/IconTrash";
import { useTranslation } from "react-i18next";
import { useDeleteDocument, useRestoreDocument } from "../../api/knowledge";
import type { Document } from "../../api/types";
import { offerUndo } from "../../app/toasts";
import { When } from "../../parts/When";
import classes from "../scripts/Scripts.module.css";

interface Props {
  agentId: string;
  document: Document;
  mayEdit: boolean;
  onOpen: () => void;
}

export function DocumentRow({ agentId, document, mayEdit, onOpen }: Props) {
  const { t } = useTranslation();
  const remove = useRemove(agentId);
  return (
    <div className={classes.row}>
      <UnstyledButton className={classes.open} onClick={onOpen}>
        <Group gap="xs">
          <Text fw={600} className="wraps">
            {document.title}
          </Text>
          {document.embedded < document.chunks && (
            <Tooltip label={t("knowledge.preparing-hint")}>
              <Badge variant="default" tt="none" fw={500}>
                {t("knowledge.preparing", { done: document.embedded, all: document.chunks })}
              </Badge>
            </Tooltip>
          )}
        </Group>
        <Text size="sm" c="dimmed" component="span">
          {t(`knowledge.kind.${document.kind}`)} · {t("knowledge.parts", { count: document.chunks })} ·{" "}
          <When at={document.changed_at} />
        </Text>
      </UnstyledButton>
      {mayEdit && (
        <Tooltip label={t("app.delete")}>
          <ActionIcon aria-label={t("knowledge.delete", { name: document.title })} onClick={() => remove(document)}>
            <IconTrash size={18} />
          </ActionIcon>
        </Tooltip>
      )}
    </div>
  );
}

/** Delete at once, and offer to take it back. */
function useRemove(agentId: string) {
  const { t } = useTranslation();
  const { mutate: restore } = useRestoreDocument(agentId);
  const { mutate } = useDeleteDocument(agentId);
  return (document: Document) =>
    mutate(document, {
      onSuccess: () =>
        offerUndo(`deleted-${document.id}`, t("knowledge.deleted", { name: document.title }), () => restore(document)),
    });
}
