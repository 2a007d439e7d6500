import { Button, Card, Group, List, Modal, NumberInput, Stack, Switch, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type RetentionBody,
  type RetentionPlan,
  type TooOld,
  useChangeRetention,
  useRetention,
  useTooOld,
} from "../../api/retention";
import { useMay } from "../../app/session";
import { showDone } from "../../app/toasts";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";

const USUAL_DAYS = 365;

/** How long what is kept; what is too old goes by night, for good. */
export function RetentionCard() {
  const { t } = useTranslation();
  const plan = useRetention();
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("retention.title")}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("retention.title")}
        </Title>
        <Text c="dimmed">{t("retention.text")}</Text>
        {plan.isPending && <Loading />}
        {plan.isError && !plan.data && <Failed error={plan.error} again={() => void plan.refetch()} />}
        {plan.data && <Plan plan={plan.data} />}
      </Stack>
    </Card>
  );
}

function Plan({ plan }: { plan: RetentionPlan }) {
  const { t } = useTranslation();
  const owner = useMay("owner");
  const [activity, setActivity] = useState<number | string>(plan.activity_days);
  const [traces, setTraces] = useState<number | string>(plan.traces_days);
  const [forgets, setForgets] = useState(plan.conversations_days !== null);
  const [conversations, setConversations] = useState<number | string>(plan.conversations_days ?? USUAL_DAYS);
  const change = useChangeRetention();
  const count = useTooOld();
  const body: RetentionBody = {
    activity_days: Number(activity),
    traces_days: Number(traces),
    conversations_days: forgets ? Number(conversations) : null,
  };
  const keep = () =>
    change.mutate(body, {
      onSuccess: () => {
        count.reset();
        showDone(t("retention.saved"));
      },
    });
  const ask = () =>
    count.mutate(body, {
      onSuccess: (found) => {
        if (Object.values(found).every((number) => number === 0)) keep();
      },
    });
  const goes = count.data && Object.values(count.data).some((number) => number > 0);
  const days = { min: 1, max: 3_650, allowDecimal: false, suffix: t("retention.days"), disabled: !owner, w: 260 };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        ask();
      }}
    >
      <Stack gap="sm" align="flex-start">
        <NumberInput
          {...days}
          label={t("retention.traces")}
          description={t("retention.traces-hint")}
          w="100%"
          maw={520}
          value={traces}
          onChange={setTraces}
        />
        <NumberInput
          {...days}
          min={30}
          label={t("retention.activity")}
          description={t("retention.activity-hint")}
          w="100%"
          maw={520}
          value={activity}
          onChange={setActivity}
        />
        <Switch
          label={t("retention.conversations")}
          description={t("retention.conversations-hint")}
          checked={forgets}
          disabled={!owner}
          onChange={(event) => setForgets(event.currentTarget.checked)}
        />
        {forgets && (
          <NumberInput
            {...days}
            min={30}
            label={t("retention.silent")}
            value={conversations}
            onChange={setConversations}
          />
        )}
        {!plan.enabled && <Text size="sm">{t("retention.off")}</Text>}
        <Group gap="sm">
          {owner && (
            <Button type="submit" loading={count.isPending || change.isPending}>
              {t("app.save")}
            </Button>
          )}
          {!owner && <Text size="sm">{t("retention.owners-only")}</Text>}
          {plan.next_at && (
            <Text size="sm" c="dimmed">
              {t("retention.next")} <When at={plan.next_at} size="sm" />
            </Text>
          )}
        </Group>
      </Stack>
      <Modal
        opened={!!goes}
        onClose={count.reset}
        title={t("retention.ask")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        {count.data && <Goes found={count.data} loading={change.isPending} onKeep={keep} onCancel={count.reset} />}
      </Modal>
    </form>
  );
}

interface GoesProps {
  found: TooOld;
  loading: boolean;
  onKeep: () => void;
  onCancel: () => void;
}

function Goes({ found, loading, onKeep, onCancel }: GoesProps) {
  const { t, i18n } = useTranslation();
  const format = new Intl.NumberFormat(i18n.language);
  const kinds = (["conversations", "traces", "inputs", "activity"] as const).filter((kind) => found[kind] > 0);
  return (
    <Stack>
      <Text size="sm">{t("retention.ask-text")}</Text>
      <List size="sm">
        {kinds.map((kind) => (
          <List.Item key={kind}>
            {t(`retention.goes.${kind}`, { count: found[kind], number: format.format(found[kind]) })}
          </List.Item>
        ))}
      </List>
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel} data-autofocus>
          {t("app.cancel")}
        </Button>
        <Button color="red.9" loading={loading} onClick={onKeep}>
          {t("retention.confirm")}
        </Button>
      </Group>
    </Stack>
  );
}
