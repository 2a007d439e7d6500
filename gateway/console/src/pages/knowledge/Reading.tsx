import { Anchor, Progress, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Document, DocumentProblem, Site } from "../../api/types";

/** What a code alone does not say; the API's own words do. */
const IN_DETAIL = ["unusable", "address", "interrupted"];

/** How far a reading is. */
export function HowFar({ of, kind }: { of: Document | Site; kind: "pages" | "site" }) {
  const { t } = useTranslation();
  if (of.state !== "reading" || !of.progress) return null;
  const { done, total } = of.progress;
  const note = "note" in of.progress ? of.progress.note : "";
  return (
    <Stack gap={2} role="status">
      <Progress
        aria-label={t("knowledge.reading")}
        value={total ? (100 * done) / total : 100}
        striped={!total}
        animated={!total}
      />
      <Text size="xs" c="dimmed" className="wraps">
        {total ? t(`knowledge.reading-${kind}`, { done, all: total }) : t("knowledge.waiting")}
        {note && ` · ${note}`}
      </Text>
    </Stack>
  );
}

/** Why it could not be read, and what to do. */
export function Problem({ problem, kept }: { problem: DocumentProblem | null; kept: boolean }) {
  const { t, i18n } = useTranslation();
  if (!problem) return null;
  const known = i18n.exists(`knowledge.problem.${problem.code}`);
  return (
    <Text size="sm" c="var(--mantine-color-error)" className="wraps" role="alert">
      {known ? t(`knowledge.problem.${problem.code}`) : problem.detail}
      {known && IN_DETAIL.includes(problem.code) && ` ${problem.detail}`}
      {kept && ` ${t("knowledge.failed-before")}`}
    </Text>
  );
}

/** Where a document came from. */
export function Origin({ document, agentId }: { document: Document; agentId: string }) {
  const { t } = useTranslation();
  return (
    <Text size="sm" c="dimmed" className="wraps">
      {document.address ? (
        <Anchor href={document.address} target="_blank" rel="noreferrer noopener">
          {document.address}
        </Anchor>
      ) : (
        <Anchor href={`/api/agents/${agentId}/knowledge/documents/${document.id}/file`} download>
          {t("knowledge.fetch")}
        </Anchor>
      )}
      {" · "}
      {t(document.address ? "knowledge.from-source" : "knowledge.from-file")}
    </Text>
  );
}
