import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { ask, type ChatEvent } from "../../api/chat";
import { freshKey } from "../../api/ids";
import { ApiError } from "../../api/problem";
import { askAgain } from "../../api/refresh";
import type { Pending, Silence } from "../../parts/conversation/pending";
import { messagesKey, useMessages } from "../../parts/conversation/useMessages";

export type VersionChoice = "published" | "draft" | number;

/** One conversation of the test chat: its history, what is under way, and how to say more. */
export function useChat(
  agentId: string | undefined,
  version: VersionChoice,
  conversationId: string | undefined,
  onConversation: (id: string) => void,
) {
  const queries = useQueryClient();
  const [pending, setPending] = useState<Pending>();
  const [silence, setSilence] = useState<Silence>();
  const stream = useRef<AbortController>(undefined);
  const mine = pending && (pending.conversationId ?? conversationId) === conversationId ? pending : undefined;
  const waiting = mine?.phase === "stopped" || mine?.phase === "late";
  const { history, messages } = useMessages(conversationId, waiting);
  const shown = mine && messages.length <= mine.before ? mine : undefined;

  useEffect(() => () => stream.current?.abort(), []);

  const hear = useCallback(
    async (event: ChatEvent, messageId: string) => {
      if (event.type === "accepted") {
        setPending((now) => own(now, messageId, { conversationId: event.conversation_id }));
        onConversation(event.conversation_id);
        return;
      }
      if (event.type === "message") {
        const { answer } = event;
        if (!answer.reply && answer.message_id)
          setSilence({ messageId: answer.message_id, reason: answer.reason ?? "" });
        await askAgain(queries, messagesKey(answer.conversation_id));
        void queries.invalidateQueries({ queryKey: ["test-conversations"] });
        setPending((now) => (now?.question.message_id === messageId ? undefined : now));
        return;
      }
      setPending((now) => (now && now.question.message_id === messageId ? grown(now, event) : now));
    },
    [queries, onConversation],
  );

  const run = useCallback(
    async (fresh: Pending) => {
      stream.current?.abort();
      const controller = new AbortController();
      stream.current = controller;
      const id = fresh.question.message_id;
      setPending(fresh);
      try {
        for await (const event of ask(fresh.question, controller.signal)) await hear(event, id);
      } catch (error) {
        if (controller.signal.aborted) return;
        const failed = error instanceof ApiError ? error : new ApiError(0);
        setPending((now) => own(now, id, { phase: "failed", error: failed }));
      }
    },
    [hear],
  );

  const say = (text: string): undefined => {
    if (!agentId) return undefined;
    setSilence(undefined);
    const conversation = conversationId === undefined ? { version } : { conversation_id: conversationId };
    const question = { agent_id: agentId, message_id: freshKey(), text, ...conversation };
    void run({ question, conversationId, before: messages.length, phase: "sending", said: "", turnId: "" });
    return undefined;
  };
  const again = () => {
    if (pending) void run({ ...pending, phase: "sending", said: "", error: undefined });
  };
  const stop = () => {
    stream.current?.abort();
    setPending((now) => now && { ...now, phase: "stopped" });
  };
  const reset = () => {
    stream.current?.abort();
    setPending(undefined);
    setSilence(undefined);
  };
  const busy = shown?.phase === "sending" || shown?.phase === "streaming";
  return { history, messages, pending: shown, silence, busy, say, again, stop, reset };
}

function own(now: Pending | undefined, messageId: string, change: Partial<Pending>): Pending | undefined {
  return now?.question.message_id === messageId ? { ...now, ...change } : now;
}

function grown(now: Pending, event: Extract<ChatEvent, { type: "delta" | "error" }>): Pending {
  if (event.type === "error") {
    return event.error.status === 504 ? { ...now, phase: "late" } : { ...now, phase: "failed", error: event.error };
  }
  // The agent begins anew when the customer says more while it works.
  const before = event.turn_id === now.turnId ? now.said : "";
  return { ...now, phase: "streaming", turnId: event.turn_id, said: before + event.text };
}
