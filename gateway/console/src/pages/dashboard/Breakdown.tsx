import { ScrollArea, Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import type { Summary } from "../../api/types";
import { share, spoken } from "../../parts/numbers";
import classes from "./Dashboard.module.css";

/** The counters of each agent or channel. */
export function Breakdown({ summary, by }: { summary: Summary; by: "agents" | "channels" }) {
  const { t, i18n } = useTranslation();
  const agents = useAgents();
  const number = new Intl.NumberFormat(i18n.language);
  const names = new Map(agents.data?.map((agent) => [agent.id, agent.name]));
  const rows =
    by === "agents"
      ? summary.agents.flatMap((row) =>
          row.agent_id ? [{ ...row, name: names.get(row.agent_id) ?? t("dashboard.archived") }] : [],
        )
      : summary.channels.flatMap((row) => (row.channel ? [{ ...row, name: t(`channel.${row.channel}`) }] : []));
  const title = t(`dashboard.${by}`);
  return (
    <section className={classes.card} aria-label={title}>
      <Text fw={600}>{title}</Text>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("dashboard.nothing")}
        </Text>
      ) : (
        <ScrollArea
          type="auto"
          offsetScrollbars="present"
          viewportProps={{ tabIndex: 0, role: "group", "aria-label": title }}
        >
          <Table className={classes.table} horizontalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("dashboard.name")}</Table.Th>
                <Table.Th ta="right">{t("dashboard.messages")}</Table.Th>
                <Table.Th ta="right">{t("dashboard.answered-short")}</Table.Th>
                <Table.Th ta="right">{t("dashboard.median-short")}</Table.Th>
                <Table.Th ta="right">{t("dashboard.errors")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={row.name}>
                  <Table.Td className={`wraps ${classes.name}`}>{row.name}</Table.Td>
                  <Table.Td ta="right">{number.format(row.messages)}</Table.Td>
                  <Table.Td ta="right">{share(i18n.language, row.answered, row.messages)}</Table.Td>
                  <Table.Td ta="right">{spoken(t, i18n.language, row.median_s)}</Table.Td>
                  <Table.Td ta="right">{number.format(row.errors)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      )}
    </section>
  );
}
