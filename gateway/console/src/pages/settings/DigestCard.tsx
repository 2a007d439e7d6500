import { Alert, Button, Card, Group, List, Select, Stack, Switch, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { type DigestPlan, useChangeDigest, useDigest, useTryDigest } from "../../api/digest";
import { useTelegramLink } from "../../api/operators";
import { asApiError } from "../../api/problem";
import { useSession } from "../../app/session";
import { ProblemText, problemTitle, showDone } from "../../app/toasts";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";

const HOURS = Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), label: `${hour}:00` }));

/** What happened yesterday, in the owners' own Telegram. */
export function DigestCard() {
  const { t } = useTranslation();
  const plan = useDigest();
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("digest.title")}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("digest.title")}
        </Title>
        <Text c="dimmed">{t("digest.text")}</Text>
        {plan.isPending && <Loading />}
        {plan.isError && !plan.data && <Failed error={plan.error} again={() => void plan.refetch()} />}
        {plan.data && (
          <>
            <Readers owners={plan.data.owners} />
            <Plan plan={plan.data} />
            <Try />
          </>
        )}
      </Stack>
    </Card>
  );
}

function Readers({ owners }: { owners: DigestPlan["owners"] }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  if (!owners.some((owner) => owner.linked)) {
    return (
      <Alert variant="light" title={t("digest.nobody")}>
        <Stack gap="sm" align="flex-start">
          <Text size="sm">{t("digest.nobody-text")}</Text>
          <Button size="xs" variant="default" component={Link} to={`/manage/${tenant.id}/profile`}>
            {t("digest.profile")}
          </Button>
        </Stack>
      </Alert>
    );
  }
  return (
    <div>
      <Text size="sm" fw={500}>
        {t("digest.readers")}
      </Text>
      <List size="sm">
        {owners.map(({ id, name, linked }) => (
          <List.Item key={id} className="wraps">
            {name}: {t(linked ? "digest.linked" : "digest.not-linked")}
          </List.Item>
        ))}
      </List>
    </div>
  );
}

function Plan({ plan }: { plan: DigestPlan }) {
  const { t } = useTranslation();
  const change = useChangeDigest();
  const [enabled, setEnabled] = useState(plan.enabled);
  const [hour, setHour] = useState(String(plan.hour ?? 9));
  const [zone, setZone] = useState(plan.enabled ? plan.time_zone : Intl.DateTimeFormat().resolvedOptions().timeZone);
  const error = change.error && asApiError(change.error);
  const badZone = error?.status === 422;
  const save = (event: FormEvent) => {
    event.preventDefault();
    const body = { enabled, hour: Number(hour), time_zone: zone.trim() };
    change.mutate(body, { onSuccess: () => showDone(t("digest.saved")) });
  };
  return (
    <form onSubmit={save}>
      <Stack gap="sm" align="flex-start">
        <Switch
          label={t("digest.enabled")}
          checked={enabled}
          onChange={(event) => setEnabled(event.currentTarget.checked)}
        />
        <Group gap="sm" align="flex-start">
          <Select
            w={160}
            label={t("digest.hour")}
            data={HOURS}
            value={hour}
            allowDeselect={false}
            onChange={(chosen) => chosen && setHour(chosen)}
          />
          <TextInput
            w={280}
            maw="100%"
            label={t("digest.zone")}
            description={t("digest.zone-hint")}
            inputWrapperOrder={["label", "input", "description", "error"]}
            maxLength={64}
            value={zone}
            error={badZone && t("digest.bad-zone")}
            onChange={(event) => setZone(event.currentTarget.value)}
          />
        </Group>
        {plan.hour === null && <Text size="sm">{t("digest.own-time")}</Text>}
        {error && !badZone && (
          <Alert color="red" variant="light" role="alert" title={problemTitle(error)}>
            <ProblemText error={error} />
          </Alert>
        )}
        <Group gap="sm">
          <Button type="submit" loading={change.isPending} disabled={!zone.trim()}>
            {t("digest.save")}
          </Button>
          {plan.next_at && (
            <Text size="sm" c="dimmed">
              {t("digest.next")} <When at={plan.next_at} size="sm" />
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}

function Try() {
  const { t } = useTranslation();
  const link = useTelegramLink(false);
  const ask = useTryDigest();
  const linked = !!link.data?.chat;
  return (
    <Group gap="sm">
      <Button
        variant="default"
        disabled={!linked}
        loading={ask.isPending}
        onClick={() => ask.mutate(undefined, { onSuccess: () => showDone(t("digest.tried")) })}
      >
        {t("digest.try")}
      </Button>
      {link.data && !linked && (
        <Text size="sm" c="dimmed">
          {t("digest.try-hint")}
        </Text>
      )}
    </Group>
  );
}
