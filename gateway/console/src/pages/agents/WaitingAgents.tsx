import { Alert, Anchor, Stack, Text } from "@mantine/core";
import IconWorld from "@tabler/icons-react/icons/IconWorld";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useWaitingAgents } from "../../api/fromSite";

/** Agents that were begun from a site and wait for their owner, also after the tab was closed. */
export function WaitingAgents() {
  const { t } = useTranslation();
  const waiting = useWaitingAgents();
  if (!waiting.data || waiting.data.length === 0) return null;
  return (
    <Alert icon={<IconWorld />} variant="light" title={t("from-site.waiting")}>
      <Stack gap={4}>
        {waiting.data.map((agent) => (
          <Text key={agent.agent_id} size="sm" className="wraps">
            <Anchor component={Link} to={`${agent.agent_id}/from-site`} size="sm" underline="always">
              {agent.address}
            </Anchor>
            {" · "}
            {t(`from-site.state.${agent.state}`)}
          </Text>
        ))}
      </Stack>
    </Alert>
  );
}
