import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { AcceptBody } from "./types";

const LOOK_MS = 1_000; // while the site is read
const NOTICE_MS = 5_000;
const KEY = ["from-site"];

/** How far an agent is that was begun from a site; looked at again until there is something to decide. */
export function useFromSite(agentId: string) {
  return useQuery({
    queryKey: [...KEY, agentId],
    queryFn: () => said(api.GET("/api/agents/{id}/from-site", { params: { path: { id: agentId } } })),
    refetchInterval: (query) => (/reading|proposing/.test(query.state.data?.state ?? "") ? LOOK_MS : false),
  });
}

/** Agents whose proposals nobody accepted yet. */
export function useWaitingAgents() {
  return useQuery({
    queryKey: [...KEY, "waiting"],
    queryFn: async () => (await said(api.GET("/api/agents/from-site"))).items,
    refetchInterval: (query) => (query.state.data?.some((one) => one.state === "reading") ? NOTICE_MS : false),
  });
}

export function useBeginFromSite() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (address: string) =>
      said(
        api.POST("/api/agents/from-site", { params: { header: { "Idempotency-Key": freshKey() } }, body: { address } }),
      ),
    onSettled: refresh,
  });
}

export function useAcceptProposals(agentId: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (body: AcceptBody) =>
      said(
        api.POST("/api/agents/{id}/from-site/accept", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body,
        }),
      ),
    onSettled: refresh,
  });
}

/** Have the same site read once more after it could not be read. */
export function useTryAgain() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (jobId: string) => said(api.POST("/api/jobs/{id}/retry", { params: { path: { id: jobId } } })),
    onSettled: refresh,
  });
}

function useRefresh() {
  const queries = useQueryClient();
  return () => {
    for (const queryKey of [KEY, ["agents"], ["agent"], ["scripts"]]) void queries.invalidateQueries({ queryKey });
  };
}
