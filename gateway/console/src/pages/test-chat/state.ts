import { useCallback, useEffect, useRef } from "react";
import { useSearchParams } from "react-router";
import type { VersionChoice } from "./useChat";

/** What the page shows is in its address: it can be kept, sent, and gone back to. */
export function useChatState() {
  const [query, setQuery] = useSearchParams();
  // Two conversations beside each other begin at the same time: the second change builds on the first.
  const latest = useRef(query);
  useEffect(() => {
    latest.current = query;
  }, [query]);
  const change = useCallback(
    (changes: Record<string, string | undefined>, replace = false) => {
      const now = new URLSearchParams(latest.current);
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined) now.delete(name);
        else now.set(name, value);
      }
      latest.current = now;
      setQuery(now, { replace });
    },
    [setQuery],
  );
  const beside = query.get("beside");
  return {
    agentId: query.get("agent") ?? undefined,
    version: readVersion(query.get("version")),
    conversationId: query.get("conversation") ?? undefined,
    /** The version that the first one is compared with; undefined while nothing is compared. */
    beside: beside === null ? undefined : readVersion(beside),
    besideId: query.get("beside-conversation") ?? undefined,
    traced: query.get("trace") ?? undefined,
    change,
  };
}

/** What leads to empty conversations. */
export const EMPTY = { conversation: undefined, "beside-conversation": undefined, trace: undefined };

export type ChatState = ReturnType<typeof useChatState>;

function readVersion(text: string | null): VersionChoice {
  if (text === "draft") return "draft";
  return text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : "published";
}
