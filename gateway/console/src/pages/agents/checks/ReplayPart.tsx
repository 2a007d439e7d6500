import { Alert, Badge, Button, Card, Group, NumberInput, Progress, Select, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useVersions } from "../../../api/agents";
import { isUnderway, useCancelReplay, useReplays, useStartReplay } from "../../../api/replays";
import type { Agent, Replay } from "../../../api/types";
import { Failed, Loading } from "../../../parts/states";
import { When } from "../../../parts/When";
import { ReplayTurns } from "./ReplayTurns";

const MOST = 500;

export function ReplayPart({ agent, mayEdit }: { agent: Agent; mayEdit: boolean }) {
  const { t } = useTranslation();
  const replays = useReplays(agent.id);
  const [chosen, choose] = useState<string | null>(null);
  const shown = replays.data?.find((replay) => replay.id === chosen) ?? replays.data?.[0];
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("replay.title")}>
      <Stack gap="md">
        <Stack gap="xs">
          <Title order={2} size="h4">
            {t("replay.title")}
          </Title>
          <Text size="sm" c="dimmed">
            {t("replay.text")}
          </Text>
        </Stack>
        {mayEdit && <Start agent={agent} onStarted={() => choose(null)} />}
        {replays.isPending && <Loading />}
        {replays.isError && <Failed error={replays.error} again={() => void replays.refetch()} />}
        {replays.data && replays.data.length > 1 && shown && (
          <Earlier replays={replays.data} shown={shown} onChoose={choose} />
        )}
        {shown && <Shown agent={agent} replay={shown} mayEdit={mayEdit} />}
      </Stack>
    </Card>
  );
}

function Start({ agent, onStarted }: { agent: Agent; onStarted: () => void }) {
  const { t } = useTranslation();
  const versions = useVersions(agent.id);
  const start = useStartReplay(agent.id);
  const [version, setVersion] = useState("draft");
  const [last, setLast] = useState<number | string>(50);
  const numbers = versions.data ?? [];
  const data = [
    { value: "draft", label: t("version.draft") },
    ...numbers.map((item) => ({
      value: String(item.version),
      label: t(item.current ? "replay.current" : "version.number", { number: item.version }),
    })),
  ];
  const send = () =>
    start.mutate(
      { version: version === "draft" ? "draft" : Number(version), last: Number(last) || 1 },
      { onSuccess: onStarted },
    );
  return (
    <Group align="flex-end" gap="sm">
      <Select
        label={t("replay.version")}
        data={data}
        value={version}
        allowDeselect={false}
        onChange={(value) => value && setVersion(value)}
      />
      <NumberInput label={t("replay.last")} min={1} max={MOST} w={200} value={last} onChange={setLast} />
      <Button loading={start.isPending} onClick={send}>
        {t("replay.start")}
      </Button>
    </Group>
  );
}

interface EarlierProps {
  replays: Replay[];
  shown: Replay;
  onChoose: (id: string | null) => void;
}

function Earlier({ replays, shown, onChoose }: EarlierProps) {
  const { t, i18n } = useTranslation();
  const time = new Intl.DateTimeFormat(i18n.language, { dateStyle: "short", timeStyle: "medium" });
  return (
    <Select
      label={t("replay.shown")}
      maw={420}
      data={replays.map(({ id, version, created_at }) => ({
        value: id,
        label: `${t("version.number", { number: version })} · ${time.format(new Date(created_at))}`,
      }))}
      value={shown.id}
      allowDeselect={false}
      onChange={onChoose}
    />
  );
}

function Shown({ agent, replay, mayEdit }: { agent: Agent; replay: Replay; mayEdit: boolean }) {
  const { t } = useTranslation();
  const cancel = useCancelReplay(agent.id);
  const { done, total } = replay.progress;
  const busy = isUnderway(replay);
  return (
    <Stack gap="sm">
      <Group gap="xs" justify="space-between">
        <Group gap="xs">
          <Text fw={600}>{t("version.number", { number: replay.version })}</Text>
          <Badge variant="default" tt="none" fw={500}>
            {t(`jobs.states.${replay.state}`)}
          </Badge>
          <Text size="sm" c="dimmed">
            <When at={replay.created_at} size="sm" /> · {replay.created_by}
          </Text>
        </Group>
        {busy && mayEdit && (
          <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(replay.id)}>
            {t("app.cancel")}
          </Button>
        )}
      </Group>
      {busy && (
        <Stack gap={2}>
          <Progress aria-label={t("jobs.progress")} value={total ? (100 * done) / total : 0} />
          <Text size="xs" c="dimmed">
            {t("replay.how-far", { done, total: total ?? "…" })}
          </Text>
        </Stack>
      )}
      {replay.error && !busy && (
        <Alert color="red" variant="light">
          {replay.error}
        </Alert>
      )}
      {replay.result && replay.result.forgotten > 0 && (
        <Text size="sm" c="dimmed">
          {t("replay.forgotten", { count: replay.result.forgotten })}
        </Text>
      )}
      {(done > 0 || !busy) && <ReplayTurns replay={replay} />}
    </Stack>
  );
}
