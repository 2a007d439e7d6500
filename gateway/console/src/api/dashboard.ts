import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, said } from "./client";
import { useRefreshed } from "./refresh";
import type { components } from "./schema";

type Channel = components["schemas"]["ConversationView"]["channel"];

const PAGE = 30;
// Counters follow within a second; a chart that jumps as often cannot be read.
const COUNTERS_MS = 3_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const RANGES = ["today", "week", "month"] as const;
export type RangeName = (typeof RANGES)[number];

export interface UpdatesFilter {
  range: RangeName;
  kinds?: string[] | undefined;
  agent?: string | undefined;
  conversation?: string | undefined;
}

export interface SummaryFilter {
  range: RangeName;
  agent?: string | undefined;
  channel?: Channel | undefined;
}

/** Since when, in whole hours: the same address asks the same for an hour. */
export function since(range: RangeName): string {
  const now = Date.now();
  if (range === "today") return new Date(new Date().setHours(0, 0, 0, 0)).toISOString();
  return new Date(Math.floor((now - (range === "week" ? 7 : 30) * DAY_MS) / HOUR_MS) * HOUR_MS).toISOString();
}

function asked(filter: UpdatesFilter) {
  return {
    since: since(filter.range),
    ...(filter.kinds ? { kind: filter.kinds.join(",") } : {}),
    ...(filter.agent ? { agent_id: filter.agent } : {}),
    ...(filter.conversation ? { conversation_id: filter.conversation } : {}),
  };
}

/** What happened, the newest first, and what happens now. */
export function useUpdates(filter: UpdatesFilter) {
  const updates = useInfiniteQuery({
    queryKey: ["updates", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, queryKey }) => {
      const page = asked(queryKey[1] as UpdatesFilter);
      // The cursor belongs to the filters of its page, the hour included.
      const [start, cursor] = pageParam?.split(" ") ?? [page.since];
      const query = { ...page, since: start ?? page.since, limit: PAGE, ...(cursor ? { cursor } : {}) };
      return said(api.GET("/api/dashboard/updates", { params: { query } })).then((got) => ({
        ...got,
        start: query.since,
      }));
    },
    getNextPageParam: (last) => (last.next ? `${last.start} ${last.next}` : undefined),
    placeholderData: keepPreviousData,
  });
  useRefreshed("updates", [["updates"]]);
  return updates;
}

export function useSummary(filter: SummaryFilter) {
  const summary = useQuery({
    queryKey: ["summary", filter],
    queryFn: () => {
      const { range, agent, channel } = filter;
      const query = { since: since(range), ...(agent ? { agent_id: agent } : {}), ...(channel ? { channel } : {}) };
      return said(api.GET("/api/dashboard/summary", { params: { query } }));
    },
    placeholderData: keepPreviousData,
  });
  useRefreshed("updates", [["summary"]], COUNTERS_MS);
  return summary;
}

/** Where the updates are as a file. */
export function exportAddress(filter: UpdatesFilter, format: "csv" | "json"): string {
  return `/api/dashboard/updates/export?${new URLSearchParams({ ...asked(filter), format })}`;
}
