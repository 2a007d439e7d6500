import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import IconHandStop from "@tabler/icons-react/icons/IconHandStop";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useStopButton, useStops } from "../api/operators";
import { When } from "../parts/When";
import { useMay } from "./session";

interface Stop {
  at: string;
  by: string;
}

/** In red above every page, while a bot is stopped. */
export function StopBanner() {
  const { t } = useTranslation();
  const stops = useStops();
  if (!stops.data || (!stops.data.company && stops.data.agents.length === 0)) return null;
  const { company, agents } = stops.data;
  return (
    <Stack gap="xs" p="md" pb={0} role="status">
      {company && <Stopped stop={company}>{t("stop.company")}</Stopped>}
      {agents.map((agent) => (
        <Stopped key={agent.agent_id} stop={agent.stop} agentId={agent.agent_id}>
          {t("stop.agent", { name: agent.name })}
        </Stopped>
      ))}
    </Stack>
  );
}

function Stopped({ stop, agentId, children }: { stop: Stop; agentId?: string; children: ReactNode }) {
  const { t } = useTranslation();
  const may = useMay("operator");
  const press = useStopButton();
  const resume = () => press.mutate(agentId === undefined ? { stop: false } : { agentId, stop: false });
  return (
    <Alert color="red" variant="light" icon={<IconHandStop />} title={children}>
      <Group justify="space-between" gap="sm">
        <Text size="sm" className="wraps">
          {t("stop.means")} {t("stop.by", { name: stop.by })} <When at={stop.at} c="inherit" />
        </Text>
        {may && (
          <Button color="red" size="xs" onClick={resume} loading={press.isPending}>
            {t("stop.resume")}
          </Button>
        )}
      </Group>
    </Alert>
  );
}
