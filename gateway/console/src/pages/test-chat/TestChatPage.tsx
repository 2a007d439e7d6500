import { Drawer } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import IconMessageCircle from "@tabler/icons-react/icons/IconMessageCircle";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import type { Agent, Conversation } from "../../api/types";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import classes from "../../parts/conversation/Chat.module.css";
import { Composer } from "../../parts/conversation/Composer";
import { Thread } from "../../parts/conversation/Thread";
import { TracePane } from "../../parts/conversation/TracePane";
import { Empty, Failed, Loading } from "../../parts/states";
import { ActsSwitch } from "./ActsSwitch";
import { ChatBar } from "./ChatBar";
import { History } from "./History";
import { useChatState } from "./state";
import { useChat } from "./useChat";

export function TestChatPage() {
  const { t } = useTranslation();
  const agents = useAgents();
  useTitle(t("page.test-chat"));
  if (agents.isPending) return <Loading />;
  if (agents.isError) return <Failed error={agents.error} again={() => void agents.refetch()} />;
  const first = agents.data[0];
  if (!first) return <Empty icon={<IconRobot />} title={t("chat.no-agents")} text={t("chat.no-agents-text")} />;
  return <Chat agents={agents.data} first={first} />;
}

function Chat({ agents, first }: { agents: Agent[]; first: Agent }) {
  const { t } = useTranslation();
  const state = useChatState();
  const { change, conversationId, traced } = state;
  const [listed, list] = useDisclosure(false);
  const roomy = useMediaQuery("(min-width: 80em)", false, { getInitialValueInEffect: false });
  const wide = useMediaQuery("(min-width: 96em)", false, { getInitialValueInEffect: false });
  const medium = useMediaQuery("(min-width: 62em)", false, { getInitialValueInEffect: false });
  const mayChat = useMay("operator");
  const agentId = state.agentId ?? first.id;
  const opened = useCallback((id: string) => change({ conversation: id }, true), [change]);
  const chat = useChat(agentId, state.version, conversationId, opened);

  const begin = () => {
    chat.reset();
    list.close();
    change({ conversation: undefined, trace: undefined });
  };
  const open = ({ id, pinned_version: pinned }: Conversation) => {
    list.close();
    change({ conversation: id, version: pinned === null ? undefined : String(pinned), trace: undefined });
  };
  const close = () => change({ trace: undefined }, true);
  const historyProps = { agentId, conversationId, onOpen: open, onNew: begin };
  const trace = traced && conversationId && { conversationId, messageId: traced };
  // Three columns beside the navigation are too narrow to read in.
  const listShown = wide || (medium && !trace);
  const nothing = !conversationId && !chat.pending;

  return (
    <div className={classes.page}>
      <h1 className={classes.title}>{t("page.test-chat")}</h1>
      {listShown && (
        <aside className={classes.history} aria-label={t("history.title")}>
          <History {...historyProps} />
        </aside>
      )}
      <Drawer
        opened={listed}
        onClose={list.close}
        title={t("history.title")}
        closeButtonProps={{ "aria-label": t("app.close") }}
        padding={0}
        classNames={{ header: classes.drawer }}
      >
        <History {...historyProps} titled />
      </Drawer>
      <div className={classes.centre}>
        <ChatBar
          agents={agents}
          state={state}
          agentId={agentId}
          onReset={begin}
          onHistory={listShown ? undefined : list.open}
        />
        {nothing ? (
          <div className={classes.empty}>
            <Empty icon={<IconMessageCircle />} title={t("chat.empty")} text={t("chat.empty-text")} />
          </div>
        ) : chat.history.isError && !chat.pending ? (
          <div className={classes.empty}>
            <Failed error={chat.history.error} again={() => void chat.history.refetch()} />
          </div>
        ) : chat.history.isPending && !chat.pending ? (
          <div className={classes.empty}>
            <Loading />
          </div>
        ) : (
          <Thread
            messages={chat.messages}
            pending={chat.pending}
            silence={chat.silence}
            traced={traced}
            onTrace={(id) => change({ trace: id === traced ? undefined : id }, traced !== undefined)}
            onAgain={chat.again}
          />
        )}
        {conversationId && <ActsSwitch conversationId={conversationId} />}
        <Composer
          busy={chat.busy}
          disabled={!mayChat}
          placeholder={t("chat.placeholder")}
          onSay={chat.say}
          onStop={chat.stop}
        />
      </div>
      {trace && roomy && (
        <aside className={classes.trace} aria-label={t("trace.title")}>
          <TracePane {...trace} onClose={close} />
        </aside>
      )}
      <Drawer
        opened={Boolean(trace) && !roomy}
        onClose={close}
        position="right"
        title={t("trace.title")}
        closeButtonProps={{ "aria-label": t("trace.close") }}
      >
        {trace && !roomy && <TracePane {...trace} />}
      </Drawer>
    </div>
  );
}
