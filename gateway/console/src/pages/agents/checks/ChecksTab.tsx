import { Stack } from "@mantine/core";
import type { Agent } from "../../../api/types";
import { Cases } from "./Cases";
import { ReplayPart } from "./ReplayPart";

/** What an agent must go on answering, and what another version would have said. */
export function ChecksTab({ agent, mayEdit }: { agent: Agent; mayEdit: boolean }) {
  return (
    <Stack gap="lg">
      <Cases agentId={agent.id} mayEdit={mayEdit} />
      <ReplayPart agent={agent} mayEdit={mayEdit} />
    </Stack>
  );
}
