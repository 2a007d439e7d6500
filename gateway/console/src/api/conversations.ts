import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { messagesKey } from "../parts/conversation/useMessages";
import { api, said } from "./client";
import { freshKey } from "./ids";
import { useRefreshed } from "./refresh";
import type { Conversation } from "./types";

const PAGE = 30;

export interface InboxFilter {
  q?: string;
  agent_id?: string;
  control?: Conversation["control"];
  channel?: Conversation["channel"];
  unanswered?: "true";
  assigned_to?: string;
  closed?: "true" | "any";
}

/** Conversations of all channels, the latest first; changes are seen as they happen. */
export function useInbox(filter: InboxFilter) {
  useRefreshed("conversations", [["inbox"], ["conversation"]]);
  return useInfiniteQuery({
    queryKey: ["inbox", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { ...filter, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      return said(api.GET("/api/conversations", { params: { query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });
}

export function useConversation(id: string) {
  return useQuery({
    queryKey: ["conversation", id],
    queryFn: () => said(api.GET("/api/conversations/{id}", { params: { path: { id } } })),
  });
}

/** Take a conversation over, or give it back to the agent. */
export function useControl(id: string) {
  const refresh = useRefresh(id);
  return useMutation({
    mutationFn: (to: "human" | "bot") => {
      const params = { path: { id }, header: { "Idempotency-Key": freshKey() } };
      return to === "human"
        ? said(api.POST("/api/conversations/{id}/takeover", { params }))
        : said(api.POST("/api/conversations/{id}/give-back", { params }));
    },
    onSettled: refresh,
  });
}

/** Close a conversation, or open it again. */
export function useClosing(id: string) {
  const refresh = useRefresh(id);
  return useMutation({
    mutationFn: (to: "close" | "open") => {
      const params = { path: { id }, header: { "Idempotency-Key": freshKey() } };
      return to === "close"
        ? said(api.POST("/api/conversations/{id}/close", { params }))
        : said(api.POST("/api/conversations/{id}/open", { params }));
    },
    onSettled: refresh,
  });
}

/** Answer as an operator; that takes the conversation over. The key is the caller's: sent again it is said once. */
export function useReply(id: string) {
  const refresh = useRefresh(id);
  return useMutation({
    mutationFn: ({ text, key }: { text: string; key: string }) =>
      said(
        api.POST("/api/conversations/{id}/reply", {
          params: { path: { id }, header: { "Idempotency-Key": key } },
          body: { text },
        }),
      ),
    onSettled: refresh,
  });
}

function useRefresh(id: string) {
  const queries = useQueryClient();
  return async () => {
    void queries.invalidateQueries({ queryKey: ["inbox"] });
    void queries.invalidateQueries({ queryKey: ["conversation", id] });
    await queries.invalidateQueries({ queryKey: messagesKey(id) });
  };
}
