import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import type { Job, Schedule } from "./types";

const BUSY_MS = 1_000;
const QUIET_MS = 5_000;

export interface JobFilter {
  state?: Job["state"];
  name?: string;
}

/** Jobs, the newest first; read again every second while one is on its way. */
export function useJobs(filter: JobFilter) {
  return useInfiniteQuery({
    queryKey: ["jobs", filter],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      said(api.GET("/api/jobs", { params: { query: pageParam ? { ...filter, cursor: pageParam } : filter } })),
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.items.some(isOpen)) ? BUSY_MS : QUIET_MS),
  });
}

export function isOpen(job: Job): boolean {
  return job.state === "queued" || job.state === "running";
}

export function useCancelJob() {
  return useChange((id: string) => said(api.POST("/api/jobs/{id}/cancel", { params: { path: { id } } })));
}

export function useRetryJob() {
  return useChange((id: string) => said(api.POST("/api/jobs/{id}/retry", { params: { path: { id } } })));
}

export function useExport() {
  return useChange(() =>
    said(api.POST("/api/exports/conversations", { params: { header: { "Idempotency-Key": freshKey() } } })),
  );
}

export function useSchedules() {
  return useQuery({
    queryKey: ["schedules"],
    queryFn: async () => (await said(api.GET("/api/schedules"))).items,
    refetchInterval: QUIET_MS,
  });
}

export function useSwitchSchedule() {
  return useChange(({ id, version, enabled }: Schedule) =>
    said(
      api.PATCH("/api/schedules/{id}", {
        params: { path: { id }, header: ifMatch(version) },
        body: { enabled: !enabled },
      }),
    ),
  );
}

export function useRunSchedule() {
  return useChange((id: string) =>
    said(
      api.POST("/api/schedules/{id}/run", {
        params: { path: { id }, header: { "Idempotency-Key": freshKey() } },
      }),
    ),
  );
}

function useChange<V, R>(change: (what: V) => Promise<R>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ["jobs"] }),
        cache.invalidateQueries({ queryKey: ["schedules"] }),
      ]),
  });
}
