import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { Check, Correction } from "./types";

const MOST = 100;

/** All checks of an agent. */
export function useChecks(agentId: string) {
  return useQuery({
    queryKey: ["checks", agentId],
    queryFn: async (): Promise<Check[]> => {
      const all: Check[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor ? { limit: MOST, cursor } : { limit: MOST };
        const page = await said(api.GET("/api/agents/{id}/checks", { params: { path: { id: agentId }, query } }));
        all.push(...page.items);
        cursor = page.next;
      } while (cursor);
      return all;
    },
  });
}

export function usePassages(agentId: string, enabled: boolean) {
  return useQuery({
    queryKey: ["passages", agentId],
    enabled,
    queryFn: async () =>
      (await said(api.GET("/api/agents/{id}/passages", { params: { path: { id: agentId } } }))).passages,
  });
}

export function useRunChecks(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: () =>
      said(api.POST("/api/agents/{id}/checks/run", { params: { path: { id: agentId } }, body: { version: "draft" } })),
    onSettled: refresh,
  });
}

export function useDeleteCheck(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (id: string) =>
      said(api.DELETE("/api/agents/{id}/checks/{check_id}", { params: { path: { id: agentId, check_id: id } } })),
    onSettled: refresh,
  });
}

export function useRestoreCheck(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (id: string) =>
      said(api.POST("/api/agents/{id}/checks/{check_id}/restore", { params: { path: { id: agentId, check_id: id } } })),
    onSettled: refresh,
  });
}

/** Say what would have been right: the draft changes, and a check is added. */
export function useCorrect(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (body: Correction) =>
      said(
        api.POST("/api/agents/{id}/corrections", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body,
        }),
      ),
    onSettled: refresh,
  });
}

function useRefresh(agentId: string) {
  const queries = useQueryClient();
  return () => {
    const changed = [["checks", agentId], ["scripts", agentId], ["passages", agentId], ["agents"], ["agent", agentId]];
    for (const queryKey of changed) void queries.invalidateQueries({ queryKey });
  };
}
