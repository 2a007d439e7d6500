import { useTranslation } from "react-i18next";
import type { Job } from "../../api/types";

export const JOB_STATES = [
  "queued",
  "running",
  "done",
  "failed",
  "dead",
  "cancelled",
] as const satisfies readonly Job["state"][];
export const JOB_NAMES = [
  "activity:retention",
  "agent:from-site",
  "agent:replay",
  "conversations:export",
  "crm:reconcile",
  "crm:sync-contacts",
  "crm:sync-pipelines",
  "digest:daily",
  "knowledge:ingest",
  "knowledge:site",
  "rules:back-test",
];

/** What a kind of job is called; one that this console does not know yet by its own name. */
export function useJobName(): (name: string) => string {
  const { t, i18n } = useTranslation();
  return (name) => {
    const key = `jobs.kinds.${name.replaceAll(":", "-")}`;
    return i18n.exists(key) ? t(key) : name;
  };
}
