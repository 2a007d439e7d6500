import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, said } from "../../api/client";
import { useLive } from "../../api/live";
import { askAgain } from "../../api/refresh";
import type { Message } from "../../api/types";

const PAGE = 100;
const LOOK_AGAIN_MS = 1_500;

export const messagesKey = (conversationId: string | undefined) => ["messages", conversationId];

/** All messages of a conversation, oldest first, as they come; `waiting`: something is on its way whose event may be lost. */
export function useMessages(conversationId: string | undefined, waiting: boolean) {
  const queries = useQueryClient();
  const history = useInfiniteQuery({
    queryKey: messagesKey(conversationId),
    enabled: conversationId !== undefined,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      said(
        api.GET("/api/conversations/{id}/messages", {
          params: {
            path: { id: conversationId ?? "" },
            query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
        }),
      ),
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: waiting ? LOOK_AGAIN_MS : false,
  });
  useLive(conversationId && `conversation:${conversationId}`, (event) => {
    if (event.type !== "delta") void askAgain(queries, messagesKey(conversationId));
  });
  const { hasNextPage, isFetching, fetchNextPage } = history;
  useEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const messages: Message[] = history.data?.pages.flatMap((page) => page.items) ?? [];
  return { history, messages };
}
