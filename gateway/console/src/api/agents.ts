import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { showProblem } from "../app/toasts";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import { isStale } from "./problem";
import type { Agent, AgentDraft, Persona } from "./types";

export const MOST = 100;

/** All agents but those in the archive. */
export function useAgents() {
  return useQuery({
    queryKey: ["agents"],
    queryFn: async (): Promise<Agent[]> => {
      const all: Agent[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor ? { limit: MOST, cursor } : { limit: MOST };
        const page = await said(api.GET("/api/agents", { params: { query } }));
        all.push(...page.items);
        cursor = page.next;
      } while (cursor);
      return all;
    },
  });
}

export function useVersions(agentId: string | undefined) {
  return useQuery({
    queryKey: ["versions", agentId],
    enabled: agentId !== undefined,
    queryFn: async () => {
      const query = { limit: MOST };
      return (await said(api.GET("/api/agents/{id}/versions", { params: { path: { id: agentId ?? "" }, query } })))
        .items;
    },
  });
}

/** What `until` does otherwise than `since`: read anew for everybody who asks, as a draft changes. */
export function useChanges(agentId: string, since: number | "published", until: number | "draft") {
  return useQuery({
    queryKey: ["changes", agentId, since, until],
    queryFn: () =>
      said(api.GET("/api/agents/{id}/changes", { params: { path: { id: agentId }, query: { since, until } } })),
    staleTime: 0,
    gcTime: 0,
  });
}

export function useAgent(agentId: string) {
  return useQuery({
    queryKey: ["agent", agentId],
    queryFn: () => said(api.GET("/api/agents/{id}", { params: { path: { id: agentId } } })),
  });
}

export function useCreateAgent() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (name: string) =>
      said(api.POST("/api/agents", { params: { header: { "Idempotency-Key": freshKey() } }, body: { name } })),
    onSettled: refresh,
  });
}

/** Whoever saves shows what is wrong; but whoever comes second sees the form anew, and is told why. */
export function useSaveAgent() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ agent, name, persona }: { agent: AgentDraft; name: string; persona: Persona }) =>
      said(
        api.PATCH("/api/agents/{id}", {
          params: { path: { id: agent.id }, header: ifMatch(agent.version) },
          body: { name, persona },
        }),
      ),
    onError: (error) => {
      if (isStale(error)) showProblem(error);
    },
    onSettled: refresh,
    meta: { told: true },
  });
}

export function usePublish(agentId: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ note, despiteChecks }: { note: string; despiteChecks: boolean }) =>
      said(
        api.POST("/api/agents/{id}/publish", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body: { note, despite_checks: despiteChecks },
        }),
      ),
    onSettled: refresh,
    meta: { told: true },
  });
}

export function useRollBack(agentId: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ version, note }: { version: number; note: string }) =>
      said(
        api.POST("/api/agents/{id}/versions/{version}/roll-back", {
          params: { path: { id: agentId, version: String(version) }, header: { "Idempotency-Key": freshKey() } },
          body: { note },
        }),
      ),
    onSettled: refresh,
  });
}

export function useDuplicateAgent() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ agent, name }: { agent: AgentDraft; name: string }) =>
      said(
        api.POST("/api/agents/{id}/duplicate", {
          params: { path: { id: agent.id }, header: { "Idempotency-Key": freshKey() } },
          body: { name },
        }),
      ),
    onSettled: refresh,
  });
}

export function useArchiveAgent() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (agent: AgentDraft) =>
      said(api.DELETE("/api/agents/{id}", { params: { path: { id: agent.id }, header: ifMatch(agent.version) } })),
    onSettled: refresh,
  });
}

export function useRestoreAgent() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (agent: AgentDraft) =>
      said(api.POST("/api/agents/{id}/restore", { params: { path: { id: agent.id } } })),
    onSettled: refresh,
  });
}

/** Not waited for: who asked for a change hears of it before its form is drawn anew. */
function useRefresh() {
  const queries = useQueryClient();
  return () => {
    for (const name of ["agents", "agent", "versions", "checks", "from-site"])
      void queries.invalidateQueries({ queryKey: [name] });
  };
}
