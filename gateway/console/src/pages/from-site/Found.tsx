import { Alert, Button, Card, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAcceptProposals } from "../../api/fromSite";
import type { FromSite, Proposals } from "../../api/types";
import { useMay } from "../../app/session";
import { accepted, nameOf, useDraft } from "./draft";
import { OpenQuestions } from "./OpenQuestions";
import { Passages } from "./Passages";
import { ProposalCard } from "./ProposalCard";

/** What was found on the site, and what the owner makes of it. */
export function Found({ begun, found }: { begun: FromSite; found: Proposals }) {
  const { t } = useTranslation();
  const mayEdit = useMay("admin");
  const decisions = useDraft(begun);
  const accept = useAcceptProposals(begun.agent_id);
  const body = accepted(begun, found, decisions.draft);
  const whole = body.name && body.scripts.every(({ name, phrases, answer }) => name && phrases.length > 0 && answer);
  const create = () => accept.mutate(body, { onSuccess: decisions.forget });
  return (
    <Stack gap="lg">
      {found.notice && (
        <Alert variant="light" title={t("from-site.little")}>
          {t(`from-site.notice.${found.notice}`)}
        </Alert>
      )}
      <Card withBorder padding="lg" component="section" aria-label={t("from-site.scripts")}>
        <Stack gap="sm">
          <Title order={2} size="h4">
            {t("from-site.scripts")}
          </Title>
          <Text c="dimmed">{t(`from-site.way.${found.way}`)}</Text>
          {found.why && (
            <Text size="sm" c="dimmed" className="wraps">
              {t("from-site.why", { why: found.why })}
            </Text>
          )}
          {found.proposals.length === 0 && <Text>{t("from-site.no-scripts")}</Text>}
          {found.proposals.map((proposal) => (
            <ProposalCard key={proposal.id} proposal={proposal} decisions={decisions} mayEdit={mayEdit} />
          ))}
        </Stack>
      </Card>
      <OpenQuestions open={found.open} decisions={decisions} mayEdit={mayEdit} />
      <Passages agentId={begun.agent_id} siteId={begun.site.id} mayEdit={mayEdit} />
      {mayEdit && (
        <Card withBorder padding="lg" component="section" aria-label={t("from-site.create")}>
          <Stack gap="sm">
            <TextInput
              label={t("agents.name")}
              description={t("agents.name-hint")}
              maxLength={200}
              value={nameOf(begun, found, decisions.draft)}
              onChange={(event) => decisions.rename(event.currentTarget.value)}
            />
            <Group justify="space-between">
              <Text size="sm" c="dimmed">
                {t("from-site.will-have", { count: body.scripts.length })}
              </Text>
              <Button onClick={create} loading={accept.isPending} disabled={!whole}>
                {t("from-site.create")}
              </Button>
            </Group>
            {!whole && <Text size="sm">{t("from-site.not-whole")}</Text>}
          </Stack>
        </Card>
      )}
    </Stack>
  );
}
