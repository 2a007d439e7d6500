import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { BackTest, BackTestEvent, RuleBody } from "./types";

const BUSY_MS = 400;
const PAGE = 10;

export function isTrying(test: BackTest): boolean {
  return test.state === "queued" || test.state === "running";
}

/** Try a rule on the last days: as it is saved (`ruleId` alone), one that is not (`rule` alone), or a change of it (both). */
export function useStartBackTest(agentId: string) {
  return useMutation({
    mutationFn: ({ rule, ruleId, days }: { rule?: RuleBody; ruleId?: string; days: number }) => {
      const { key: _, ...draft } = rule ?? {};
      return said(
        api.POST("/api/agents/{id}/rules/back-test", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body: { days, ...(rule ? { rule: draft } : {}), ...(ruleId ? { rule_id: ruleId } : {}) },
        }),
      );
    },
  });
}

/** How far it is, and what came of it; read again while it is under way. */
export function useBackTest(id: string) {
  return useQuery({
    queryKey: ["back-test", id],
    queryFn: () => said(api.GET("/api/back-tests/{id}", { params: { path: { id } } })),
    refetchInterval: (query) => (query.state.data && !isTrying(query.state.data) ? false : BUSY_MS),
  });
}

export function useCancelBackTest(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => said(api.POST("/api/jobs/{id}/cancel", { params: { path: { id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["back-test", id] }),
  });
}

/** The events to look at, the newest first; of those on which a rule does not fire, for one reason. */
export function useBackTestEvents(id: string, outcome: BackTestEvent["outcome"], reason?: string) {
  return useInfiniteQuery({
    queryKey: ["back-test", id, "events", outcome, reason],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const more = { ...(reason ? { reason } : {}), ...(pageParam ? { cursor: pageParam } : {}) };
      const query = { outcome, limit: PAGE, ...more };
      return said(api.GET("/api/back-tests/{id}/events", { params: { path: { id }, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
  });
}
