import { Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { isOpen, useExport, useJobs } from "../../api/jobs";
import { useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { JobRow } from "../jobs/JobRow";

/** All conversations with their messages and contacts, as a file of a job. */
export function ConversationsCard() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const ask = useExport();
  const jobs = useJobs({ name: "conversations:export" });
  const known = jobs.data?.pages[0]?.items ?? [];
  const asked = ask.data?.job_id;
  // Until the one just asked for is known, the file of an earlier one would be taken for it.
  const waits = ask.isPending || (asked !== undefined && !known.some((job) => job.id === asked));
  const latest = waits ? undefined : known[0];
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("settings.conversations")}
        </Title>
        <Text c="dimmed">{t("settings.conversations-text")}</Text>
        <Group gap="xs">
          <Button
            variant="default"
            loading={ask.isPending}
            disabled={waits || (latest && isOpen(latest))}
            onClick={() => ask.mutate(undefined, { onSuccess: () => showDone(t("settings.conversations-asked")) })}
          >
            {t("jobs.export")}
          </Button>
          <Button variant="subtle" component={Link} to={`/manage/${tenant.id}/jobs?name=conversations:export`}>
            {t("settings.earlier")}
          </Button>
        </Group>
        {latest && <JobRow job={latest} />}
      </Stack>
    </Card>
  );
}
