import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import type { Trial } from "./types";

const ACTORS = ["actors"];
// The stage speaks every 2 s.
const LOOK_AGAIN_MS = 2_000;

export function useActors() {
  return useQuery({
    queryKey: ACTORS,
    queryFn: () => said(api.GET("/api/actors")),
    refetchInterval: LOOK_AGAIN_MS,
  });
}

/** Where a conversation is carried; nothing is asked without one. */
export function usePlaced(conversation: string) {
  return useQuery({
    queryKey: [...ACTORS, "placed", conversation],
    enabled: conversation !== "",
    retry: false,
    queryFn: () => said(api.GET("/api/conversations/{id}/actor", { params: { path: { id: conversation } } })),
    refetchInterval: (query) => (query.state.error ? false : LOOK_AGAIN_MS),
  });
}

/** End a process of the demo. */
export function useTrial() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Trial) => said(api.POST("/api/actors/trials", { body })),
    onSettled: () => queries.invalidateQueries({ queryKey: ACTORS }),
  });
}
