import { useThrottledCallback } from "@mantine/hooks";
import { type QueryClient, type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useLive } from "./live";

// A busy company has several changes a second; a list that jumps as often cannot be read.
const CALM_MS = 1_000;

/** Ask again for what has just changed. A first answer still on its way was asked for before, and invalidating keeps it. */
export async function askAgain(queries: QueryClient, queryKey: QueryKey): Promise<void> {
  await queries.cancelQueries({ queryKey });
  await queries.invalidateQueries({ queryKey });
}

/** Ask again for `keys` when something happens on a topic, not more often than every `calmMs`. */
export function useRefreshed(topic: string, keys: QueryKey[], calmMs = CALM_MS): void {
  const queries = useQueryClient();
  const refresh = useThrottledCallback(() => {
    for (const key of keys) void askAgain(queries, key);
  }, calmMs);
  useLive(topic, refresh);
}
