import { Badge, Card, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Actor } from "../../api/types";
import classes from "./Actors.module.css";

const MEGA = 1024 * 1024;

export function ActorRows({ actors }: { actors: Actor[] }) {
  const { t } = useTranslation();
  return (
    <Card withBorder px="lg" py="xs">
      <ul className={classes.list} aria-label={t("page.actors")}>
        {actors.map((actor) => (
          <li key={actor.name} className={classes.row} data-actor={actor.name} data-pid={actor.pid ?? ""}>
            <ActorRow actor={actor} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function ActorRow({ actor }: { actor: Actor }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 0 });
  const facts: [string, string][] = [
    [t("actors.pid"), actor.pid === null ? "–" : String(actor.pid)],
    [t("actors.age"), t("actors.seconds", { number: number.format(actor.age_s) })],
  ];
  if (actor.mailbox !== null) facts.push([t("actors.mailbox"), number.format(actor.mailbox)]);
  if (actor.activations !== null) facts.push([t("actors.activations"), number.format(actor.activations)]);
  if (actor.memory !== null) {
    facts.push([t("actors.memory"), t("actors.megabytes", { number: number.format(actor.memory / MEGA) })]);
  }
  facts.push([t("actors.restarts"), number.format(actor.restarts)]);
  return (
    <Stack gap={6}>
      <Group gap="xs">
        <Text fw={600}>
          {t(`actors.kinds.${actor.kind}`)} {actor.number}
        </Text>
        <Badge variant={actor.state === "alive" ? "light" : "default"} tt="none" fw={500}>
          {t(`actors.states.${actor.state}`)}
        </Badge>
        <Text size="xs" c="dimmed" className="wraps" title={t("actors.generation")}>
          {actor.generation}
        </Text>
      </Group>
      <dl className={classes.facts}>
        {facts.map(([name, value]) => (
          <div key={name} className={classes.fact}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Stack>
  );
}
