import IconMessageCircle from "@tabler/icons-react/icons/IconMessageCircle";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import classes from "../../parts/conversation/Chat.module.css";
import { Thread } from "../../parts/conversation/Thread";
import { Empty, Failed, Loading } from "../../parts/states";
import { ActsSwitch } from "./ActsSwitch";
import type { ChatState } from "./state";
import type { useChat } from "./useChat";

interface Props {
  label: string;
  agentId: string;
  chat: ReturnType<typeof useChat>;
  conversationId: string | undefined;
  state: ChatState;
  /** What stands above the conversation where two are compared. */
  head?: ReactNode;
}

/** One conversation of the test chat. */
export function Talk({ label, agentId, chat, conversationId, state, head }: Props) {
  return (
    <section className={classes.talk} aria-label={label}>
      {head && <div className={classes.bar}>{head}</div>}
      <Body agentId={agentId} chat={chat} conversationId={conversationId} state={state} />
      {conversationId && <ActsSwitch conversationId={conversationId} />}
    </section>
  );
}

function Body({ agentId, chat, conversationId, state }: Pick<Props, "agentId" | "chat" | "conversationId" | "state">) {
  const { t } = useTranslation();
  const { traced, change } = state;
  if (chat.pending || chat.history.data)
    return (
      <Thread
        messages={chat.messages}
        conversationId={conversationId}
        agentId={agentId}
        pending={chat.pending}
        silence={chat.silence}
        traced={traced}
        onTrace={(id) => change({ trace: id === traced ? undefined : id }, traced !== undefined)}
        onAgain={chat.again}
        {...(!chat.busy && { onSay: chat.say })}
      />
    );
  return (
    <div className={classes.empty}>
      {!conversationId ? (
        <Empty icon={<IconMessageCircle />} title={t("chat.empty")} text={t("chat.empty-text")} />
      ) : chat.history.isError ? (
        <Failed error={chat.history.error} again={() => void chat.history.refetch()} />
      ) : (
        <Loading />
      )}
    </div>
  );
}
