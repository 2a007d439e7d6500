import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import type { Agent, Widget } from "./types";

const key = (agentId: string) => ["widgets", agentId];

export interface WidgetFields {
  name: string;
  origins: string[];
}

/** The chats on the company's own sites, of all agents. */
export function useWidgets(agents: Agent[]) {
  return useQueries({
    queries: agents.map(({ id }) => ({
      queryKey: key(id),
      queryFn: () => said(api.GET("/api/agents/{id}/widgets", { params: { path: { id } } })),
    })),
    combine: (lists) => ({
      items: lists.flatMap((list) => list.data?.items ?? []),
      isPending: lists.some((list) => list.isPending),
      error: lists.find((list) => list.error)?.error,
      again: () => lists.forEach((list) => void list.refetch()),
    }),
  });
}

export function useCreateWidget() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ agentId, fields }: { agentId: string; fields: WidgetFields }) =>
      said(
        api.POST("/api/agents/{id}/widgets", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body: { ...fields, enabled: true },
        }),
      ),
    onSettled: refresh,
    meta: { told: true },
  });
}

export function useChangeWidget(widget: Widget) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (body: Partial<WidgetFields> & { enabled?: boolean }) =>
      said(api.PATCH("/api/agents/{id}/widgets/{widget_id}", { params: paramsOf(widget), body })),
    onSettled: refresh,
  });
}

export function useDeleteWidget(widget: Widget) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => said(api.DELETE("/api/agents/{id}/widgets/{widget_id}", { params: paramsOf(widget) })),
    onSettled: refresh,
  });
}

function paramsOf(widget: Widget) {
  return { path: { id: widget.agent_id, widget_id: widget.id }, header: ifMatch(widget.version) };
}

function useRefresh() {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ["widgets"] });
}
