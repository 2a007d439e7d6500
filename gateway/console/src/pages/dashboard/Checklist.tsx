import { Button, Group, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import IconCheck from "@tabler/icons-react/icons/IconCheck";
import IconCircle from "@tabler/icons-react/icons/IconCircle";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useAgents } from "../../api/agents";
import { useSummary } from "../../api/dashboard";
import { useMay, useSession } from "../../app/session";
import classes from "./Dashboard.module.css";

/** What to do on the first day; gone once customers write. */
export function Checklist() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const agents = useAgents();
  const month = useSummary({ range: "month" });
  const mayEdit = useMay("admin");
  if (!mayEdit || !agents.data || !month.data) return null;
  const spoken = (test: boolean) =>
    month.data.channels.some((row) => row.channel && (row.channel === "test") === test && row.messages > 0);
  if (spoken(false)) return null;
  const first = agents.data[0];
  const base = `/manage/${tenant.id}`;
  const agent = first ? `${base}/ai-agents/${first.id}` : `${base}/ai-agents`;
  const steps = [
    { name: "agent", done: first !== undefined, to: `${base}/ai-agents` },
    { name: "try", done: spoken(true), to: `${base}/test-chat` },
    { name: "publish", done: agents.data.some((one) => one.published_version > 0), to: agent },
    { name: "connect", done: false, to: `${base}/integrations` },
  ] as const;
  return (
    <section className={classes.card} aria-label={t("first-day.title")}>
      <Title order={2} size="h4">
        {t("first-day.title")}
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        {t("first-day.text")}
      </Text>
      <Stack gap="sm" component="ol" className={classes.updates}>
        {steps.map(({ name, done, to }) => (
          <Group key={name} component="li" gap="sm" wrap="nowrap" align="flex-start" data-done={done}>
            <ThemeIcon size={24} radius="xl" variant={done ? "filled" : "light"} color={done ? "brand" : "gray"}>
              {done ? <IconCheck size={14} aria-label={t("first-day.done")} /> : <IconCircle size={14} aria-hidden />}
            </ThemeIcon>
            <div className={classes.words}>
              <Text size="sm" fw={500} td={done ? "line-through" : undefined}>
                {t(`first-day.${name}`)}
              </Text>
              {!done && (
                <Text size="sm" c="dimmed">
                  {t(`first-day.${name}-text`)}
                </Text>
              )}
            </div>
            {!done && (
              <Button component={Link} to={to} size="xs" variant="light">
                {t("first-day.go")}
              </Button>
            )}
          </Group>
        ))}
      </Stack>
    </section>
  );
}
