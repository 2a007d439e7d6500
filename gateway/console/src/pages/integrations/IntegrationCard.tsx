import { Alert, Anchor, Badge, Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import IconCheck from "@tabler/icons-react/icons/IconCheck";
import { useTranslation } from "react-i18next";
import { useChangeIntegration, useTestIntegration } from "../../api/integrations";
import type { Integration, TestedIntegration } from "../../api/types";
import { When } from "../../parts/When";
import { Disconnect } from "./Disconnect";
import { KommoSalesbot } from "./KommoSalesbot";
import { KommoSync } from "./KommoSync";
import { OwnChannel } from "./OwnChannel";
import { ProblemNote } from "./ProblemNote";
import { Settings } from "./Settings";

const COLORS: Record<string, string> = { live: "brand", paused: "gray", broken: "red", disconnected: "gray" };

// What setting up the receiving once more may end.
const REPAIRABLE = ["foreign_webhook", "webhook_missing", "webhook_failing"];

interface Props {
  integration: Integration;
  agentName: string;
  webhooks: boolean;
  mayEdit: boolean;
}

export function IntegrationCard({ integration, agentName, webhooks, mayEdit }: Props) {
  const { t } = useTranslation();
  const { status, problem, uncertain } = integration;
  const gone = status === "disconnected";
  return (
    <Card withBorder padding="lg" component="section" aria-label={nameOf(integration)}>
      <Stack gap="md">
        <Group justify="space-between" align="flex-start">
          <Stack gap={2}>
            <Title order={2} size="h4" className="wraps">
              <Name integration={integration} />
            </Title>
            <Text size="sm" c="dimmed">
              {t("integrations.answers", { agent: agentName })} · {t("integrations.since")}{" "}
              <When at={integration.created_at} size="sm" />
            </Text>
          </Stack>
          <Badge variant="light" tt="none" color={COLORS[status] ?? "gray"}>
            {t(`integrations.status.${status}`, { defaultValue: status })}
          </Badge>
        </Group>
        {problem && integration.channel === "kommo" && (
          <Alert color={status === "broken" ? "red" : "yellow"} variant="light" title={t("kommo.problem")}>
            {problem.detail}
          </Alert>
        )}
        {problem && integration.channel !== "kommo" && <ProblemNote problem={problem} serious={status === "broken"} />}
        {status === "paused" && <Text size="sm">{t("integrations.paused-text")}</Text>}
        {uncertain > 0 && (
          <Text size="sm" c="dimmed">
            {t("integrations.uncertain", { count: uncertain })}
          </Text>
        )}
        {integration.channel === "kommo" && !gone && <KommoSync integration={integration} mayEdit={mayEdit} />}
        {integration.channel === "kommo" && mayEdit && !gone && <KommoSalesbot integration={integration} />}
        {integration.channel === "kommo" && mayEdit && !gone && (
          <OwnChannel integration={integration} agentName={agentName} />
        )}
        {mayEdit && !gone && <Controls integration={integration} webhooks={webhooks} />}
      </Stack>
    </Card>
  );
}

function Controls({ integration, webhooks }: { integration: Integration; webhooks: boolean }) {
  const { t } = useTranslation();
  const change = useChangeIntegration(integration);
  const test = useTestIntegration(integration);
  const runs = integration.status === "live";
  const receiving = webhooks && integration.mode === "push" ? "push" : "poll";
  const repairable = REPAIRABLE.includes(integration.problem?.code ?? "");
  return (
    <>
      {integration.channel === "telegram" && <Settings integration={integration} webhooks={webhooks} change={change} />}
      {runs && test.data && !test.data.problem && !integration.problem && <Well tested={test.data} />}
      <Group gap="xs">
        {integration.channel === "telegram" && (
          <Button variant="default" loading={test.isPending} onClick={() => test.mutate()}>
            {t("integrations.test")}
          </Button>
        )}
        {repairable && (
          <Button variant="default" loading={change.isPending} onClick={() => change.mutate({ mode: receiving })}>
            {t("integrations.again")}
          </Button>
        )}
        <Button
          variant="default"
          loading={change.isPending}
          onClick={() => change.mutate({ status: runs ? "paused" : "live" })}
        >
          {t(runs ? "integrations.pause" : "integrations.resume")}
        </Button>
        <Disconnect integration={integration} />
      </Group>
    </>
  );
}

function Well({ tested }: { tested: TestedIntegration }) {
  const { t } = useTranslation();
  const waiting = tested.webhook?.waiting ?? 0;
  return (
    <Alert variant="light" icon={<IconCheck />} role="status" title={t("integrations.well")}>
      <Text size="sm">{t("integrations.well-text", { bot: `@${tested.bot?.username}` })}</Text>
      {waiting > 0 && <Text size="sm">{t("integrations.waiting", { count: waiting })}</Text>}
    </Alert>
  );
}

function Name({ integration }: { integration: Integration }) {
  const name = nameOf(integration);
  if (integration.channel !== "telegram" || !integration.username) return name;
  return (
    <Anchor href={`https://t.me/${integration.username}`} target="_blank" rel="noreferrer" inherit>
      {name}
    </Anchor>
  );
}

export function nameOf(integration: Integration): string {
  return integration.username ? `@${integration.username}` : integration.account;
}
