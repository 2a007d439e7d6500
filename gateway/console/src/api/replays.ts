import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { Replay, ReplayTurn } from "./types";

const BUSY_MS = 700;

export function isUnderway(replay: Replay): boolean {
  return replay.state === "queued" || replay.state === "running";
}

/** Replays of an agent, the newest first; read again while one is under way. */
export function useReplays(agentId: string) {
  return useQuery({
    queryKey: ["replays", agentId],
    queryFn: async () =>
      (await said(api.GET("/api/agents/{id}/replays", { params: { path: { id: agentId }, query: { limit: 20 } } })))
        .items,
    refetchInterval: (query) => (query.state.data?.some(isUnderway) ? BUSY_MS : false),
  });
}

export function useStartReplay(agentId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { version: "draft" | "published" | number; last: number }) =>
      said(
        api.POST("/api/agents/{id}/replay", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body,
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ["replays", agentId] }),
  });
}

export function useCancelReplay(agentId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => said(api.POST("/api/jobs/{id}/cancel", { params: { path: { id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["replays", agentId] }),
  });
}

export function useReplayTurns(replay: Replay, outcome: ReplayTurn["outcome"]) {
  return useInfiniteQuery({
    // What is there grows with every conversation.
    queryKey: ["replay-turns", replay.id, outcome, replay.state, replay.progress.done],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { outcome, limit: 20, ...(pageParam ? { cursor: pageParam } : {}) };
      return said(api.GET("/api/replays/{id}/turns", { params: { path: { id: replay.id }, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: (before) => before,
  });
}
