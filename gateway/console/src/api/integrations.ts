import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import type { Integration, IntegrationChange } from "./types";

const KEY = ["integrations"];
const REFRESHED_MS = 15_000;

/** What the company is connected to. Senders find troubles by themselves, so it is read again now and then. */
export function useIntegrations() {
  return useQuery({
    queryKey: KEY,
    refetchInterval: REFRESHED_MS,
    queryFn: () => said(api.GET("/api/integrations")),
  });
}

/** Look at a token before it is used. */
export function useCheckToken() {
  return useMutation({
    mutationFn: (token: string) => said(api.POST("/api/integrations/check", { body: { token } })),
    meta: { told: true },
  });
}

export function useConnectBot() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ agentId, token }: { agentId: string; token: string }) =>
      said(api.POST("/api/agents/{id}/integrations", { params: { path: { id: agentId } }, body: { token } })),
    onSettled: refresh,
    meta: { told: true },
  });
}

export function useChangeIntegration(integration: Integration) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (body: IntegrationChange) =>
      said(
        api.PATCH("/api/agents/{id}/integrations/{integration_id}", { params: { path: pathOf(integration) }, body }),
      ),
    onSettled: refresh,
  });
}

export function useTestIntegration(integration: Integration) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () =>
      said(api.POST("/api/agents/{id}/integrations/{integration_id}/test", { params: { path: pathOf(integration) } })),
    onSettled: refresh,
  });
}

export function useDisconnect(integration: Integration) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () =>
      said(api.DELETE("/api/agents/{id}/integrations/{integration_id}", { params: { path: pathOf(integration) } })),
    onSettled: refresh,
  });
}

function pathOf(integration: Integration): { id: string; integration_id: string } {
  return { id: integration.agent_id, integration_id: integration.id };
}

function useRefresh() {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: KEY });
}
