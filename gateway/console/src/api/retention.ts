import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import type { components } from "./schema";

export type RetentionPlan = components["schemas"]["RetentionView"];
export type RetentionBody = components["schemas"]["RetentionBody"];
export type TooOld = components["schemas"]["TooOldView"];

const KEY = ["retention"];

/** What the company keeps, and for how long. */
export function useRetention() {
  return useQuery({ queryKey: KEY, queryFn: () => said(api.GET("/api/retention")) });
}

export function useChangeRetention() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: RetentionBody) => said(api.PUT("/api/retention", { body })),
    onSuccess: (plan) => queries.setQueryData(KEY, plan),
  });
}

/** How much would go with the next night if this were kept. */
export function useTooOld() {
  return useMutation({ mutationFn: (body: RetentionBody) => said(api.POST("/api/retention/preview", { body })) });
}
