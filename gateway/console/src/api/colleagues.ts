import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import type { components } from "./schema";

type Colleague = components["schemas"]["ColleagueView"];

/** Everybody who answers customers. */
export function useColleagues(enabled = true) {
  return useQuery({
    queryKey: ["colleagues"],
    queryFn: async () => (await said(api.GET("/api/colleagues"))).items,
    enabled,
  });
}

/** For a choice among them, by `id` or `email`; who has the same name as another is told apart. `chosen` stays, whoever left. */
export function choices(
  found: Colleague[] | undefined,
  by: "id" | "email",
  chosen: { value: string; label: string } | null,
) {
  const all = found ?? [];
  const same = (name: string) => all.filter((one) => one.name === name).length > 1;
  const known = all.map((one) => ({ value: one[by], label: same(one.name) ? `${one.name} · ${one.email}` : one.name }));
  return chosen && !known.some(({ value }) => value === chosen.value) ? [...known, chosen] : known;
}

/** Say whose a conversation is; null: nobody's. */
export function useAssign(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (user_id: string | null) =>
      said(api.PUT("/api/conversations/{id}/assigned", { params: { path: { id } }, body: { user_id } })),
    onSuccess: (conversation) => queries.setQueryData(["conversation", id], conversation),
    onSettled: () => queries.invalidateQueries({ queryKey: ["inbox"] }),
  });
}
