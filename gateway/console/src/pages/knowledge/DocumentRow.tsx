import { Badge, Group, Stack, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useDeleteDocument, useRestoreDocument } from "../../api/knowledge";
import type { Document } from "../../api/types";
import { offerUndo } from "../../app/toasts";
import { When } from "../../parts/When";
import classes from "../scripts/Scripts.module.css";
import { HowFar, Problem } from "./Reading";
import { RowActions } from "./RowActions";
import { useSize } from "./size";

interface Props {
  agentId: string;
  document: Document;
  mayEdit: boolean;
  onOpen: () => void;
}

export function DocumentRow({ agentId, document, mayEdit, onOpen }: Props) {
  const { t } = useTranslation();
  const remove = useRemove(agentId);
  const size = useSize();
  const kind = document.origin === "typed" && document.kind === "csv" ? "kind-typed" : "kind";
  return (
    <div className={classes.row}>
      <Stack gap={4} flex={1} miw={0}>
        <UnstyledButton className={classes.open} onClick={onOpen}>
          <Group gap="xs">
            <Text fw={600} className="wraps">
              {document.title}
            </Text>
            {document.state === "failed" && (
              <Badge variant="default" tt="none" fw={500} c="var(--mantine-color-error)">
                {t("knowledge.failed")}
              </Badge>
            )}
            {document.embedded < document.chunks && (
              <Tooltip label={t("knowledge.preparing-hint")}>
                <Badge variant="default" tt="none" fw={500}>
                  {t("knowledge.preparing", { done: document.embedded, all: document.chunks })}
                </Badge>
              </Tooltip>
            )}
          </Group>
          <Text size="sm" c="dimmed" component="span" className="wraps">
            {t(`knowledge.${kind}.${document.kind}`)}
            {document.size > 0 && ` · ${size(document.size)}`} · {t("knowledge.parts", { count: document.chunks })} ·{" "}
            <When at={document.read_at ?? document.changed_at} />
          </Text>
        </UnstyledButton>
        <HowFar of={document} kind="pages" />
        <Problem problem={document.problem} kept={document.chunks > 0} />
      </Stack>
      {mayEdit && (
        <RowActions agentId={agentId} name={document.title} of={{ document }} onDelete={() => remove(document)} />
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
