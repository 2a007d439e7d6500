import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import type { Enrollment, Sequence, SequenceBody } from "./types";

const MOST = 100;
const PAGE = 20;

const key = (agentId: string) => ["sequences", agentId];

/** All sequences, the oldest first. */
export function useSequences(agentId: string) {
  return useQuery({
    queryKey: key(agentId),
    queryFn: async (): Promise<Sequence[]> => {
      const all: Sequence[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor ? { limit: MOST, cursor } : { limit: MOST };
        const page = await said(api.GET("/api/agents/{id}/sequences", { params: { path: { id: agentId }, query } }));
        all.push(...page.items);
        cursor = page.next;
      } while (cursor);
      return all;
    },
  });
}

/** Save a sequence; one that is not known is new. */
export function useSaveSequence(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ body, known }: { body: SequenceBody; known?: Sequence }) =>
      known
        ? said(
            api.PUT("/api/agents/{id}/sequences/{sequence_id}", {
              params: { path: { id: agentId, sequence_id: known.id }, header: ifMatch(known.version) },
              body,
            }),
          )
        : said(
            api.POST("/api/agents/{id}/sequences", {
              params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
              body,
            }),
          ),
    onSettled: refresh,
  });
}

export function useDeleteSequence(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (sequence: Sequence) =>
      said(
        api.DELETE("/api/agents/{id}/sequences/{sequence_id}", {
          params: { path: { id: agentId, sequence_id: sequence.id }, header: ifMatch(sequence.version) },
        }),
      ),
    onSettled: refresh,
  });
}

export function useRestoreSequence(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (sequence: Sequence) =>
      said(
        api.POST("/api/agents/{id}/sequences/{sequence_id}/restore", {
          params: { path: { id: agentId, sequence_id: sequence.id } },
        }),
      ),
    onSettled: refresh,
  });
}

/** Pause all its runs, or let them go on. */
export function usePauseSequence(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ sequence, paused }: { sequence: Sequence; paused: boolean }) => {
      const params = { path: { id: agentId, sequence_id: sequence.id } };
      return said(
        paused
          ? api.POST("/api/agents/{id}/sequences/{sequence_id}/pause", { params })
          : api.POST("/api/agents/{id}/sequences/{sequence_id}/resume", { params }),
      );
    },
    onSettled: refresh,
  });
}

/** Give runs of older steps those that are published. */
export function useMoveRuns(agentId: string, sequenceId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: () =>
      said(
        api.POST("/api/agents/{id}/sequences/{sequence_id}/move", {
          params: { path: { id: agentId, sequence_id: sequenceId } },
        }),
      ),
    onSettled: refresh,
  });
}

/** What is wrong with a sequence while it is written. */
export function useSequenceFaults(agentId: string, sequence: SequenceBody) {
  return useQuery({
    queryKey: [...key(agentId), "faults", sequence],
    queryFn: () =>
      said(
        api.POST("/api/agents/{id}/sequences/validate", {
          params: { path: { id: agentId } },
          body: { sequence: unkeyed(sequence) },
        }),
      ),
    placeholderData: (before) => before,
    staleTime: 60_000,
  });
}

/** When each step would be carried out. */
export function usePreview(agentId: string) {
  return useMutation({
    mutationFn: ({ sequence, start, timezone }: { sequence: SequenceBody; start: string; timezone: string }) =>
      said(
        api.POST("/api/agents/{id}/sequences/preview", {
          params: { path: { id: agentId } },
          body: { sequence: unkeyed(sequence), start, timezone },
        }),
      ),
  });
}

/** Runs of a sequence, the newest first. */
export function useEnrollments(agentId: string, sequenceId: string, state: Enrollment["state"] | undefined) {
  return useInfiniteQuery({
    queryKey: [...key(agentId), "runs", sequenceId, state],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(state ? { state } : {}), ...(pageParam ? { cursor: pageParam } : {}) };
      const path = { id: agentId, sequence_id: sequenceId };
      return said(api.GET("/api/agents/{id}/sequences/{sequence_id}/enrollments", { params: { path, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
  });
}

export function useMoveEnrollment(agentId: string, sequenceId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ id, move }: { id: string; move: "stop" | "skip" | "restart" }) => {
      const params = { path: { id: agentId, sequence_id: sequenceId, enrollment_id: id } };
      const one = "/api/agents/{id}/sequences/{sequence_id}/enrollments/{enrollment_id}";
      if (move === "stop") return said(api.POST(`${one}/stop`, { params }));
      if (move === "skip") return said(api.POST(`${one}/skip`, { params }));
      return said(api.POST(`${one}/restart`, { params }));
    },
    onSettled: refresh,
  });
}

function useRefresh(agentId: string) {
  const queries = useQueryClient();
  return () => {
    for (const queryKey of [key(agentId), ["agents"], ["agent", agentId]]) void queries.invalidateQueries({ queryKey });
  };
}

function unkeyed(sequence: SequenceBody): Record<string, unknown> {
  const { key: _, ...draft } = sequence;
  return draft;
}

/** What is sent of a sequence that is there. */
export function bodyOf(sequence: Sequence): SequenceBody {
  const { key: name, enabled, timezone, hours, stops_on, again, again_after_s, goal, listens_s, steps } = sequence;
  return {
    key: name,
    name: sequence.name,
    hours: hours as NonNullable<SequenceBody["hours"]>,
    stops_on: stops_on as NonNullable<SequenceBody["stops_on"]>,
    again: again as NonNullable<SequenceBody["again"]>,
    ...{ enabled, timezone, again_after_s, goal, listens_s, steps },
  };
}
