import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { components } from "./schema";

export type DigestPlan = components["schemas"]["DigestView"];
type DigestBody = components["schemas"]["DigestBody"];

const KEY = ["digest"];

/** Whether and when owners are sent what happened the day before. */
export function useDigest() {
  return useQuery({ queryKey: KEY, queryFn: () => said(api.GET("/api/digest")) });
}

export function useChangeDigest() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: DigestBody) => said(api.PUT("/api/digest", { body })),
    onSuccess: (plan) => queries.setQueryData(KEY, plan),
    meta: { told: true },
  });
}

/** Send me yesterday's now. */
export function useTryDigest() {
  return useMutation({
    mutationFn: () => said(api.POST("/api/digest/try", { params: { header: { "Idempotency-Key": freshKey() } } })),
  });
}
