import { useCallback } from "react";
import { useSearchParams } from "react-router";
import type { VersionChoice } from "./useChat";

/** What the page shows is in its address: it can be kept, sent, and gone back to. */
export function useChatState() {
  const [query, setQuery] = useSearchParams();
  const change = useCallback(
    (changes: Record<string, string | undefined>, replace = false) =>
      setQuery(
        (now) => {
          for (const [name, value] of Object.entries(changes)) {
            if (value === undefined) now.delete(name);
            else now.set(name, value);
          }
          return now;
        },
        { replace },
      ),
    [setQuery],
  );
  return {
    agentId: query.get("agent") ?? undefined,
    version: readVersion(query.get("version")),
    conversationId: query.get("conversation") ?? undefined,
    traced: query.get("trace") ?? undefined,
    change,
  };
}

export type ChatState = ReturnType<typeof useChatState>;

function readVersion(text: string | null): VersionChoice {
  if (text === "draft") return "draft";
  return text !== null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : "published";
}
