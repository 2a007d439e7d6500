import { Anchor, Group, Stack, Text } from "@mantine/core";
import IconAlert from "@tabler/icons-react/icons/IconAlertTriangle";
import IconCheck from "@tabler/icons-react/icons/IconCircleCheck";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { type Health as Found, useHealth } from "../../api/health";
import { useIntegrations } from "../../api/integrations";
import type { Integration } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { OWN } from "../../parts/channels";
import classes from "./Dashboard.module.css";

const PARTS = ["gateway", "database", "redis", "actors", "queue"] as const;
const WAITS_TOO_LONG_S = 120;

type Part = (typeof PARTS)[number];

/** How every part is; of what is not well, what that means and what to do. */
export function Health() {
  const { t } = useTranslation();
  const health = useHealth();
  const bots = useIntegrations();
  if (health.isPending) return null;
  const sick = PARTS.filter((part) => !isWell(part, health.data));
  const shown = (bots.data?.items ?? []).filter(
    ({ channel, status }) => status !== "disconnected" && !OWN.includes(channel),
  );
  const broken = shown.filter(({ status }) => status === "broken" || status === "blocked");
  const well = PARTS.filter((part) => !sick.includes(part));
  return (
    <section className={classes.card} aria-label={t("health.title")}>
      <Stack gap="sm">
        <Group gap="lg">
          {well.map((part) => (
            <Group key={part} gap={6} wrap="nowrap" data-health={part}>
              <IconCheck size={16} className={classes.well} aria-hidden />
              <Text size="sm">{t(`health.part.${part}`)}</Text>
            </Group>
          ))}
          {shown.length > 0 && broken.length === 0 && (
            <Group gap={6} wrap="nowrap" data-health="bots">
              <IconCheck size={16} className={classes.well} aria-hidden />
              <Text size="sm">{t("health.bots", { count: shown.length })}</Text>
            </Group>
          )}
        </Group>
        {sick.map((part) => (
          <Sick key={part} name={t(`health.part.${part}`)} text={t(`health.sick.${part}`)} />
        ))}
        {broken.map((bot) => (
          <Bot key={bot.id} bot={bot} />
        ))}
        {sick.length > 0 && <WhereTo />}
      </Stack>
    </section>
  );
}

function isWell(part: Part, found: Found | undefined): boolean {
  if (!found) return false;
  switch (part) {
    case "gateway":
      return found.status !== "down";
    case "database":
      return found.postgres.connected;
    case "redis":
      return found.redis.connected;
    case "actors":
      return found.ray.connected;
    case "queue":
      return found.worker.oldestAgeS < WAITS_TOO_LONG_S;
  }
}

function Sick({ name, text }: { name: string; text: string }) {
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start" role="status">
      <IconAlert size={18} className={classes.sick} aria-hidden />
      <Text size="sm">
        <b>{name}.</b> {text}
      </Text>
    </Group>
  );
}

function Bot({ bot }: { bot: Integration }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const name = bot.username ? `@${bot.username}` : bot.account;
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start" role="status">
      <IconAlert size={18} className={classes.sick} aria-hidden />
      <Text size="sm" className="wraps">
        <b>{name}.</b>{" "}
        {bot.problem && t(`integrations.problem.${bot.problem.code}.title`, { defaultValue: bot.problem.title })}{" "}
        <Anchor component={Link} to={`/manage/${tenant.id}/integrations`} size="sm" underline="always">
          {t("health.mend")}
        </Anchor>
      </Text>
    </Group>
  );
}

function WhereTo() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const admin = useMay("admin");
  return (
    <Text size="sm" c="dimmed">
      {t("health.what-to-do")}{" "}
      {admin && (
        <Anchor component={Link} to={`/manage/${tenant.id}/actors`} size="sm" underline="always">
          {t("page.actors")}
        </Anchor>
      )}
    </Text>
  );
}
