import { Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useTrial } from "../../api/actors";
import type { Actor, Trial } from "../../api/types";
import { showDone } from "../../app/toasts";

/** In the demo: end a process and see that nothing is lost. */
export function Trials({ actors }: { actors: Actor[] }) {
  const { t } = useTranslation();
  const trial = useTrial();
  const begin = (what: Trial["what"], number: number, said: string) =>
    trial.mutate({ what, number }, { onSuccess: ({ pid }) => showDone(t("actors.ended", { what: said, pid })) });
  const trials: { what: Trial["what"]; number: number; said: string }[] = [
    ...actors
      .filter((actor) => actor.kind === "host")
      .map(({ number }) => ({ what: "host" as const, number, said: t("actors.kill-host", { number }) })),
    ...actors
      .filter((actor) => actor.kind === "sender")
      .map(({ number }) => ({ what: "delivery" as const, number, said: t("actors.kill-delivery", { number }) })),
    { what: "redis", number: 0, said: t("actors.stop-redis") },
    { what: "postgres", number: 0, said: t("actors.stop-postgres") },
  ];
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("actors.trials")}
        </Title>
        <Text c="dimmed">{t("actors.trials-text")}</Text>
        <Group gap="xs">
          {trials.map(({ what, number, said }) => (
            <Button
              key={said}
              variant="default"
              loading={trial.isPending && trial.variables.what === what && trial.variables.number === number}
              onClick={() => begin(what, number, said)}
            >
              {said}
            </Button>
          ))}
        </Group>
      </Stack>
    </Card>
  );
}
