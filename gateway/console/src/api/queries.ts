import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { showProblem } from "../app/toasts";
import { api, said } from "./client";
import { ApiError } from "./problem";
import type { Session } from "./types";

const RETRIES = 2;

declare module "@tanstack/react-query" {
  interface Register {
    /** `told`: the page itself shows the error. */
    mutationMeta: { told?: boolean };
    queryMeta: { told?: boolean };
  }
}

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (ended(error)) return;
      // Without data the page shows the error in the place of the data.
      if (query.state.data !== undefined) showProblem(error);
    },
  }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _result, mutation) => {
      if (!ended(error) && !mutation.meta?.told) showProblem(error);
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (failures, error) => failures < RETRIES && (!(error instanceof ApiError) || worthRepeating(error.status)),
    },
  },
});

export const sessionQuery = {
  queryKey: ["session"],
  queryFn: async (): Promise<Session | null> => {
    try {
      return await said(api.GET("/api/session"));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
};

function ended(error: Error): boolean {
  if (!(error instanceof ApiError) || error.status !== 401) return false;
  // Whoever shows a page leads to the login from here, and back afterwards.
  if (queries.getQueryData(sessionQuery.queryKey)) queries.setQueryData(sessionQuery.queryKey, null);
  return true;
}

function worthRepeating(status: number): boolean {
  return status === 0 || status === 502 || status === 503 || status === 504;
}
