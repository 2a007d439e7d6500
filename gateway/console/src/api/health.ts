import { useQuery } from "@tanstack/react-query";
import { ApiError } from "./problem";

const LOOK_AGAIN_MS = 5_000;
const PATIENCE_MS = 5_000;

/** The document of /health, as far as the dashboard shows it. It is there without the database, too. */
export interface Health {
  status: "ok" | "degraded" | "down";
  postgres: { connected: boolean };
  redis: { connected: boolean };
  ray: { connected: boolean; actors: number };
  worker: { jobsQueued: number; jobsProcessing: number; oldestAgeS: number };
}

/** How everything is that this installation needs. */
export function useHealth() {
  return useQuery({
    queryKey: ["health"],
    queryFn: async (): Promise<Health> => {
      const answer = await fetch("/health", { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => undefined);
      if (answer?.status !== 200 && answer?.status !== 503) throw new ApiError(answer?.status ?? 0);
      return (await answer.json()) as Health;
    },
    refetchInterval: LOOK_AGAIN_MS,
    retry: false,
  });
}
