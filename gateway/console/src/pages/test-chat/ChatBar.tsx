import { ActionIcon, Button, Group, Select, Tooltip } from "@mantine/core";
import IconColumns from "@tabler/icons-react/icons/IconColumns2";
import IconHistory from "@tabler/icons-react/icons/IconHistory";
import IconRefresh from "@tabler/icons-react/icons/IconRefresh";
import { useTranslation } from "react-i18next";
import type { Agent } from "../../api/types";
import classes from "../../parts/conversation/Chat.module.css";
import { type ChatState, EMPTY } from "./state";
import { VersionPick } from "./VersionPick";

interface Props {
  agents: Agent[];
  state: ChatState;
  agentId: string;
  onReset: () => void;
  /** Absent where the list is beside the conversation anyway. */
  onHistory: (() => void) | undefined;
}

/** Whom to talk to, in which version, or in which two. */
export function ChatBar({ agents, state, agentId, onReset, onHistory }: Props) {
  const { t } = useTranslation();
  const comparing = state.beside !== undefined;
  const compare = () =>
    state.change({
      ...EMPTY,
      beside: comparing ? undefined : state.version === "draft" ? "published" : "draft",
    });
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
          id && state.change({ ...EMPTY, agent: id, version: undefined, beside: comparing ? "draft" : undefined })
        }
      />
      {!comparing && (
        <VersionPick
          label={t("chat.version")}
          agentId={agentId}
          version={state.version}
          onChange={(version) => state.change({ ...EMPTY, version })}
        />
      )}
      <Tooltip label={t(comparing ? "chat.compare-end" : "chat.compare")}>
        <ActionIcon
          size={36}
          variant={comparing ? "light" : "default"}
          onClick={compare}
          aria-pressed={comparing}
          aria-label={t("chat.compare")}
        >
          <IconColumns size={18} />
        </ActionIcon>
      </Tooltip>
      <Button
        ml="auto"
        flex="none"
        visibleFrom="md"
        variant="default"
        leftSection={<IconRefresh size={16} />}
        onClick={onReset}
      >
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
