import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";

const LINK = ["telegram-link"];
const STOPS = ["stops"];
const LOOK_AGAIN_MS = 5_000;

/** Whether my Telegram is linked. While a code waits to be sent, it is looked at again and again. */
export function useTelegramLink(waiting: boolean) {
  return useQuery({
    queryKey: LINK,
    queryFn: () => said(api.GET("/api/me/telegram-link")),
    refetchInterval: waiting ? LOOK_AGAIN_MS : false,
  });
}

export function useTelegramCode() {
  return useMutation({ mutationFn: () => said(api.POST("/api/me/telegram-link")) });
}

export function useUnlinkTelegram() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => said(api.DELETE("/api/me/telegram-link")),
    onSettled: () => queries.invalidateQueries({ queryKey: LINK }),
  });
}

export function useAvailability() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (available: boolean) => said(api.PATCH("/api/me/telegram-link", { body: { available } })),
    onSettled: () => queries.invalidateQueries({ queryKey: LINK }),
  });
}

/** What is stopped. Somebody may have stopped it from their phone, so it is looked at again and again. */
export function useStops() {
  return useQuery({
    queryKey: STOPS,
    queryFn: () => said(api.GET("/api/tenant/stop")),
    refetchInterval: LOOK_AGAIN_MS,
  });
}

/** Stop or resume the company's bots, or those of one agent. */
export function useStopButton() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ agentId, stop }: { agentId?: string; stop: boolean }) => {
      if (agentId === undefined) return said(api.POST(stop ? "/api/tenant/stop" : "/api/tenant/resume"));
      const params = { path: { id: agentId } };
      return said(
        stop ? api.POST("/api/agents/{id}/stop", { params }) : api.POST("/api/agents/{id}/resume", { params }),
      );
    },
    onSettled: () => queries.invalidateQueries({ queryKey: STOPS }),
  });
}
