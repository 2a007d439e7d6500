import { ActionIcon, Button, Group, Select, Tooltip } from "@mantine/core";
import IconHistory from "@tabler/icons-react/icons/IconHistory";
import IconRefresh from "@tabler/icons-react/icons/IconRefresh";
import { useTranslation } from "react-i18next";
import { useVersions } from "../../api/agents";
import type { Agent } from "../../api/types";
import classes from "../../parts/conversation/Chat.module.css";
import type { ChatState } from "./state";

interface Props {
  agents: Agent[];
  state: ChatState;
  agentId: string;
  onReset: () => void;
  /** Absent where the list is beside the conversation anyway. */
  onHistory: (() => void) | undefined;
}

/** Whom to talk to, in which version. A conversation keeps to its version, so another one begins a new conversation. */
export function ChatBar({ agents, state, agentId, onReset, onHistory }: Props) {
  const { t } = useTranslation();
  const versions = useVersions(agentId);
  const numbered = (versions.data ?? []).filter((version) => version.published_at !== null);
  const choices = [
    { value: "published", label: t("version.published") },
    { value: "draft", label: t("version.draft") },
    ...numbered.map(({ version }) => ({ value: String(version), label: t("version.number", { number: version }) })),
  ];
  const chosen = String(state.version);
  return (
    <Group className={classes.bar} gap="xs" wrap="nowrap">
      {onHistory && (
        <Tooltip label={t("history.title")}>
          <ActionIcon size={36} variant="default" onClick={onHistory} aria-label={t("history.title")}>
            <IconHistory size={18} />
          </ActionIcon>
        </Tooltip>
      )}
      <Select
        className={classes.pick}
        aria-label={t("chat.agent")}
        data={agents.map((agent) => ({ value: agent.id, label: agent.name }))}
        value={agentId}
        allowDeselect={false}
        checkIconPosition="right"
        onChange={(id) =>
          id && state.change({ agent: id, version: undefined, conversation: undefined, trace: undefined })
        }
      />
      <Select
        className={classes.pick}
        aria-label={t("chat.version")}
        data={
          choices.some(({ value }) => value === chosen)
            ? choices
            : [...choices, { value: chosen, label: t("version.number", { number: chosen }) }]
        }
        value={chosen}
        allowDeselect={false}
        checkIconPosition="right"
        onChange={(version) =>
          state.change({
            version: version === "published" ? undefined : (version ?? undefined),
            conversation: undefined,
            trace: undefined,
          })
        }
      />
      <Button ml="auto" visibleFrom="md" variant="default" leftSection={<IconRefresh size={16} />} onClick={onReset}>
        {t("chat.reset")}
      </Button>
      <Tooltip label={t("chat.reset")}>
        <ActionIcon
          ml="auto"
          hiddenFrom="md"
          size={36}
          variant="default"
          onClick={onReset}
          aria-label={t("chat.reset")}
        >
          <IconRefresh size={18} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}
