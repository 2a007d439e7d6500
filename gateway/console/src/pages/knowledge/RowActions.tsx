import { ActionIcon, Tooltip } from "@mantine/core";
import IconPlayerStop from "@tabler/icons-react/icons/IconPlayerStop";
import IconRefresh from "@tabler/icons-react/icons/IconRefresh";
import IconTrash from "@tabler/icons-react/icons/IconTrash";
import { useTranslation } from "react-i18next";
import { useReadAgain, useStopReading } from "../../api/knowledge";
import type { Document, Site } from "../../api/types";
import { showDone } from "../../app/toasts";

interface Props {
  agentId: string;
  name: string;
  of: { document: Document } | { site: Site };
  onDelete: () => void;
}

/** Read again, or stop; delete. */
export function RowActions({ agentId, name, of, onDelete }: Props) {
  const { t } = useTranslation();
  const again = useReadAgain(agentId);
  const stop = useStopReading(agentId);
  const item = "site" in of ? of.site : of.document;
  const readable = "site" in of || of.document.origin !== "typed";
  const readAgain = () => again.mutate(of, { onSuccess: () => showDone(t("knowledge.again-started", { name })) });
  const jobId = item.job_id;
  return (
    <>
      {readable && item.state !== "reading" && (
        <Tooltip label={t("knowledge.read-again", { name })}>
          <ActionIcon aria-label={t("knowledge.read-again", { name })} loading={again.isPending} onClick={readAgain}>
            <IconRefresh size={18} />
          </ActionIcon>
        </Tooltip>
      )}
      {item.state === "reading" && jobId && (
        <Tooltip label={t("knowledge.stop-reading", { name })}>
          <ActionIcon
            aria-label={t("knowledge.stop-reading", { name })}
            loading={stop.isPending}
            onClick={() => stop.mutate(jobId)}
          >
            <IconPlayerStop size={18} />
          </ActionIcon>
        </Tooltip>
      )}
      <Tooltip label={t("app.delete")}>
        <ActionIcon aria-label={t("knowledge.delete", { name })} onClick={onDelete}>
          <IconTrash size={18} />
        </ActionIcon>
      </Tooltip>
    </>
  );
}
