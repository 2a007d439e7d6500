import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { Integration, KommoInvite, KommoToken, OwnChannelBody } from "./types";

const BUSY_MS = 1_000;
const QUIET_MS = 15_000;

/** What is known of an account, and the sync on its way; while there is one it is read every second. */
export function usePipelines(integration: Integration | undefined) {
  return useQuery({
    queryKey: ["pipelines", integration?.id],
    enabled: integration !== undefined,
    queryFn: () =>
      said(
        api.GET("/api/agents/{id}/integrations/{integration_id}/pipelines", {
          params: { path: integration ? pathOf(integration) : { id: "", integration_id: "" } },
        }),
      ),
    refetchInterval: (query) => (query.state.data?.sync ? BUSY_MS : QUIET_MS),
  });
}

export function useSync(integration: Integration) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      said(
        api.POST("/api/agents/{id}/integrations/{integration_id}/sync", {
          params: { path: pathOf(integration), header: { "Idempotency-Key": freshKey() } },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: keyOf(integration) }),
  });
}

export function useKommoAccount(integration: Integration) {
  return useQuery({
    queryKey: ["kommo-account", integration.id],
    queryFn: () =>
      said(api.GET("/api/agents/{id}/integrations/kommo/{integration_id}", { params: { path: pathOf(integration) } })),
    refetchInterval: QUIET_MS,
  });
}

/** The address is kept no longer than it is shown. */
export function useSalesbotStep(integration: Integration, wanted: boolean) {
  return useQuery({
    queryKey: ["salesbot-step", integration.id],
    enabled: wanted,
    gcTime: 0,
    queryFn: () =>
      said(
        api.GET("/api/agents/{id}/integrations/kommo/{integration_id}/salesbot-step", {
          params: { path: pathOf(integration) },
        }),
      ),
  });
}

export function useConnectKommo() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ agentId, body }: { agentId: string; body: KommoToken }) =>
      said(api.POST("/api/agents/{id}/integrations/kommo", { params: { path: { id: agentId } }, body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["integrations"] }),
    meta: { told: true },
  });
}

/** Begin to connect an account at Kommo's own page. */
export function useInviteKommo() {
  return useMutation({
    mutationFn: ({ agentId, body }: { agentId: string; body: KommoInvite }) =>
      said(api.POST("/api/agents/{id}/integrations/kommo/oauth", { params: { path: { id: agentId } }, body })),
    meta: { told: true },
  });
}

export function useOwnChannel(integration: Integration) {
  return useQuery({
    queryKey: ownKey(integration),
    queryFn: () =>
      said(
        api.GET("/api/agents/{id}/integrations/{integration_id}/own-channel", {
          params: { path: pathOf(integration) },
        }),
      ),
    refetchInterval: QUIET_MS,
  });
}

/** Connect it, or give it other keys. */
export function useConnectOwnChannel(integration: Integration) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: OwnChannelBody) =>
      said(
        api.PUT("/api/agents/{id}/integrations/{integration_id}/own-channel", {
          params: { path: pathOf(integration) },
          body,
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ownKey(integration) }),
    meta: { told: true },
  });
}

export function useDisconnectOwnChannel(integration: Integration) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      said(
        api.DELETE("/api/agents/{id}/integrations/{integration_id}/own-channel", {
          params: { path: pathOf(integration) },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ownKey(integration) }),
  });
}

function ownKey(integration: Integration): string[] {
  return ["own-channel", integration.id];
}

function keyOf(integration: Integration): string[] {
  return ["pipelines", integration.id];
}

function pathOf(integration: Integration): { id: string; integration_id: string } {
  return { id: integration.agent_id, integration_id: integration.id };
}
