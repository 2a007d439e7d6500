import { Drawer } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import type { Agent, Conversation } from "../../api/types";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import classes from "../../parts/conversation/Chat.module.css";
import { Composer } from "../../parts/conversation/Composer";
import { TracePane } from "../../parts/conversation/TracePane";
import { Empty, Failed, Loading } from "../../parts/states";
import { ChatBar } from "./ChatBar";
import { History } from "./History";
import { EMPTY, useChatState } from "./state";
import { Talk } from "./Talk";
import { useChat, type VersionChoice } from "./useChat";
import { VersionPick } from "./VersionPick";

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
  const { change, conversationId, beside, besideId, traced } = state;
  const [listed, list] = useDisclosure(false);
  const roomy = useMediaQuery("(min-width: 80em)", false, { getInitialValueInEffect: false });
  const wide = useMediaQuery("(min-width: 96em)", false, { getInitialValueInEffect: false });
  const medium = useMediaQuery("(min-width: 62em)", false, { getInitialValueInEffect: false });
  const mayChat = useMay("operator");
  const agentId = state.agentId ?? first.id;
  const opened = useCallback((id: string) => change({ conversation: id }, true), [change]);
  const openedBeside = useCallback((id: string) => change({ "beside-conversation": id }, true), [change]);
  const chat = useChat(agentId, state.version, conversationId, opened);
  const other = useChat(beside === undefined ? undefined : agentId, beside ?? "published", besideId, openedBeside);

  const begin = () => {
    chat.reset();
    other.reset();
    list.close();
    change(EMPTY);
  };
  const open = ({ id, pinned_version: pinned }: Conversation) => {
    list.close();
    change({ ...EMPTY, beside: undefined, conversation: id, version: pinned === null ? undefined : String(pinned) });
  };
  const say = (text: string): undefined => {
    chat.say(text);
    other.say(text);
  };
  const stop = () => {
    chat.stop();
    other.stop();
  };
  const close = () => change({ trace: undefined }, true);
  const historyProps = { agentId, conversationId, onOpen: open, onNew: begin };
  const tracedIn = other.messages.some(({ id }) => id === traced) ? besideId : conversationId;
  const trace = traced && tracedIn && { conversationId: tracedIn, messageId: traced };
  // Three columns beside the navigation are too narrow to read in.
  const listShown = !beside && (wide || (medium && !trace));
  const traceShown = beside ? wide : roomy;
  const pick = (label: string, version: VersionChoice, parameter: "version" | "beside") => (
    <VersionPick
      label={label}
      agentId={agentId}
      version={version}
      onChange={(chosen) => change({ ...EMPTY, [parameter]: chosen })}
    />
  );

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
        <div className={classes.talks}>
          <Talk
            label={t(beside ? "chat.first" : "chat.thread")}
            agentId={agentId}
            chat={chat}
            conversationId={conversationId}
            state={state}
            head={beside && pick(t("chat.first-version"), state.version, "version")}
          />
          {beside && (
            <Talk
              label={t("chat.second")}
              agentId={agentId}
              chat={other}
              conversationId={besideId}
              state={state}
              head={pick(t("chat.second-version"), beside, "beside")}
            />
          )}
        </div>
        <Composer
          busy={chat.busy || other.busy}
          disabled={!mayChat}
          placeholder={t("chat.placeholder")}
          onSay={say}
          onStop={stop}
        />
      </div>
      {trace && traceShown && (
        <aside className={classes.trace} aria-label={t("trace.title")}>
          <TracePane {...trace} onClose={close} />
        </aside>
      )}
      <Drawer
        opened={Boolean(trace) && !traceShown}
        onClose={close}
        position="right"
        title={t("trace.title")}
        closeButtonProps={{ "aria-label": t("trace.close") }}
      >
        {trace && !traceShown && <TracePane {...trace} />}
      </Drawer>
    </div>
  );
}
