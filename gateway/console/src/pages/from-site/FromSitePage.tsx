import { Anchor, Button, Card, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router";
import { useAgent, useArchiveAgent, useRestoreAgent } from "../../api/agents";
import { useFromSite, useTryAgain } from "../../api/fromSite";
import { useCancelJob } from "../../api/jobs";
import type { FromSite } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { offerUndo } from "../../app/toasts";
import { Page, PageHead } from "../../parts/PageHead";
import { Failed, Loading } from "../../parts/states";
import { HowFar, Problem } from "../knowledge/Reading";
import { Created } from "./Created";
import { Found } from "./Found";

/** From the address of a site to an agent: what is happening, what was found, what came of it. */
export function FromSitePage() {
  const { agentId = "" } = useParams();
  const { t } = useTranslation();
  const { tenant } = useSession();
  const begun = useFromSite(agentId);
  useTitle(t("from-site.title"));
  if (begun.isPending) return <Loading />;
  if (begun.isError) return <Failed error={begun.error} again={() => void begun.refetch()} />;
  const shown = begun.data;
  return (
    <Page>
      <Stack gap="xs">
        <Anchor component={Link} to={`/manage/${tenant.id}/ai-agents`} size="sm">
          ← {t("page.agents")}
        </Anchor>
        <PageHead title={t("from-site.title")} text={shown.site.address}>
          {shown.state !== "created" && <GiveUp agentId={agentId} />}
        </PageHead>
      </Stack>
      {shown.state === "created" ? (
        <Created begun={shown} />
      ) : shown.found ? (
        <Found key={shown.made_at} begun={shown} found={shown.found} />
      ) : (
        <OnItsWay begun={shown} />
      )}
    </Page>
  );
}

function OnItsWay({ begun }: { begun: FromSite }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const cancel = useCancelJob();
  const again = useTryAgain();
  const { site } = begun;
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        {begun.state === "failed" ? (
          <>
            <Text fw={600}>{t("from-site.failed")}</Text>
            <Problem problem={site.problem} kept={false} />
            {mayEdit && (
              <Button w="fit-content" onClick={() => again.mutate(site.job_id)} loading={again.isPending}>
                {t("from-site.again")}
              </Button>
            )}
          </>
        ) : (
          <>
            <Text fw={600}>{t(begun.state === "proposing" ? "from-site.proposing" : "from-site.reading")}</Text>
            {begun.state === "reading" && <HowFar of={site} kind="site" />}
            <Text c="dimmed">{t("from-site.may-leave")}</Text>
            {mayEdit && (
              <Button
                w="fit-content"
                variant="default"
                onClick={() => cancel.mutate(site.job_id)}
                loading={cancel.isPending}
              >
                {t("from-site.stop")}
              </Button>
            )}
          </>
        )}
      </Stack>
    </Card>
  );
}

/** The draft goes into the archive with all that was read; that can be undone. */
function GiveUp({ agentId }: { agentId: string }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const navigate = useNavigate();
  const mayEdit = useMay("admin");
  const agent = useAgent(agentId);
  const archive = useArchiveAgent();
  const restore = useRestoreAgent();
  if (!mayEdit || !agent.data) return null;
  const draft = agent.data;
  const away = () =>
    archive.mutate(draft, {
      onSuccess: () => {
        offerUndo(`archived-${draft.id}`, t("agents.archived", { name: draft.name }), () => restore.mutate(draft));
        void navigate(`/manage/${tenant.id}/ai-agents`);
      },
    });
  return (
    <Group>
      <Button variant="default" onClick={away} loading={archive.isPending}>
        {t("from-site.give-up")}
      </Button>
    </Group>
  );
}
