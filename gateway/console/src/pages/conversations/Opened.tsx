import { ActionIcon, Button, Group, Text, Tooltip } from "@mantine/core";
import IconArchive from "@tabler/icons-react/icons/IconArchive";
import IconArchiveOff from "@tabler/icons-react/icons/IconArchiveOff";
import IconArrowLeft from "@tabler/icons-react/icons/IconArrowLeft";
import IconHand from "@tabler/icons-react/icons/IconHandStop";
import IconInfo from "@tabler/icons-react/icons/IconInfoCircle";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { useClosing, useControl, useConversation, useReply } from "../../api/conversations";
import { freshKey } from "../../api/ids";
import type { Conversation } from "../../api/types";
import { useMay } from "../../app/session";
import { offerUndo } from "../../app/toasts";
import { Composer } from "../../parts/conversation/Composer";
import { Thread } from "../../parts/conversation/Thread";
import { useMessages } from "../../parts/conversation/useMessages";
import { Failed, Loading } from "../../parts/states";
import classes from "./Inbox.module.css";
import { ClosedBadge, ControlBadge } from "./InboxList";
import type { InboxState } from "./state";

interface Props {
  id: string;
  state: InboxState;
  /** The list is not beside it: there is a way back. */
  back: boolean;
  /** The context is not beside it: there is a way to it. */
  about: boolean;
}

export function Opened({ id, state, back, about }: Props) {
  const { t } = useTranslation();
  const found = useConversation(id);
  const { history, messages } = useMessages(id, false);
  const reply = useReply(id);
  const mayAnswer = useMay("operator");
  // The same text sent again after a failure has the same key: it is said once.
  const last = useRef({ text: "", key: "" });
  const say = async (text: string) => {
    if (last.current.text !== text) last.current = { text, key: freshKey() };
    try {
      await reply.mutateAsync(last.current);
      last.current = { text: "", key: "" };
      return true;
    } catch {
      return false;
    }
  };
  if (found.isPending || history.isPending) return <Loading />;
  if (found.isError || history.isError) {
    const again = () => void Promise.all([found.refetch(), history.refetch()]);
    return <Failed error={found.error ?? history.error} again={again} />;
  }
  return (
    <>
      <Head conversation={found.data} state={state} back={back} about={about} mayAnswer={mayAnswer} />
      <Thread
        messages={messages}
        conversationId={id}
        agentId={found.data.agent_id}
        side="company"
        traced={state.traced}
        onTrace={(message) =>
          state.change({ trace: message === state.traced ? undefined : message }, state.traced !== undefined)
        }
      />
      <Composer
        busy={reply.isPending}
        disabled={!mayAnswer}
        placeholder={t(found.data.control === "human" ? "inbox.answer" : "inbox.answer-takes-over")}
        onSay={say}
      />
    </>
  );
}

interface HeadProps extends Omit<Props, "id"> {
  conversation: Conversation;
  mayAnswer: boolean;
}

function Head({ conversation, state, back, about, mayAnswer }: HeadProps) {
  const { t } = useTranslation();
  const control = useControl(conversation.id);
  const human = conversation.control === "human";
  return (
    <Group className={classes.head} gap="xs" wrap="nowrap">
      {back && (
        <ActionIcon
          size={36}
          aria-label={t("inbox.back")}
          onClick={() => state.change({ conversation: null, trace: null })}
        >
          <IconArrowLeft size={20} />
        </ActionIcon>
      )}
      <div className={classes.who}>
        <Text fw={600} truncate>
          {conversation.title || t("inbox.number", { number: conversation.id })}
        </Text>
        <Group gap={6}>
          <ControlBadge control={conversation.control} />
          {conversation.closed_at && <ClosedBadge />}
        </Group>
      </div>
      {mayAnswer && conversation.control !== "human" && (
        <Button
          size="xs"
          leftSection={<IconHand size={16} />}
          loading={control.isPending}
          onClick={() => control.mutate("human")}
        >
          {t("inbox.take")}
        </Button>
      )}
      {mayAnswer && conversation.control !== "bot" && (
        <Button
          size="xs"
          variant={human ? "filled" : "default"}
          leftSection={<IconRobot size={16} />}
          loading={control.isPending}
          onClick={() => control.mutate("bot")}
        >
          {t("inbox.give-back")}
        </Button>
      )}
      {mayAnswer && <Closing conversation={conversation} />}
      {about && (
        <Tooltip label={t("inbox.context")}>
          <ActionIcon size={36} aria-label={t("inbox.context")} onClick={() => state.change({ about: "1" }, true)}>
            <IconInfo size={20} />
          </ActionIcon>
        </Tooltip>
      )}
    </Group>
  );
}

/** What is done with leaves the list, until the customer writes again. */
function Closing({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const closing = useClosing(conversation.id);
  const closed = conversation.closed_at !== null;
  const close = () =>
    closing.mutate("close", {
      onSuccess: () => offerUndo(`closed-${conversation.id}`, t("inbox.was-closed"), () => closing.mutate("open")),
    });
  return (
    <Tooltip label={t(closed ? "inbox.open-again" : "inbox.close")}>
      <ActionIcon
        size={36}
        loading={closing.isPending}
        aria-label={t(closed ? "inbox.open-again" : "inbox.close")}
        onClick={() => (closed ? closing.mutate("open") : close())}
      >
        {closed ? <IconArchiveOff size={20} /> : <IconArchive size={20} />}
      </ActionIcon>
    </Tooltip>
  );
}
