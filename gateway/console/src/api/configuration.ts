import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";

export const EXPORT_URL = "/api/tenant/export";
const YAML = { "Content-Type": "application/yaml" };

/** The file as it is: the API describes what it says. */
export async function exportConfiguration(): Promise<string> {
  return said<string>(api.GET(EXPORT_URL, { parseAs: "text" }));
}

function send(file: string, prune: boolean, dryRun: boolean) {
  return said(
    api.POST("/api/tenant/import", {
      params: { query: { prune, dry_run: dryRun } },
      headers: YAML,
      body: file,
      bodySerializer: (text) => text,
    }),
  );
}

/** What a file would come to; nothing is changed. */
export function useRehearsal(file: string, prune: boolean) {
  return useQuery({
    queryKey: ["import", file, prune],
    queryFn: () => send(file, prune, true),
    placeholderData: (before) => before,
    gcTime: 0,
    staleTime: 0,
  });
}

interface Import {
  file: string;
  prune: boolean;
}

/** Take a file in. Returns what was there before, as a file that undoes it. */
export function useImport() {
  const queries = useQueryClient();
  return useMutation({
    meta: { told: true },
    mutationFn: async ({ file, prune }: Import) => {
      const before = await exportConfiguration();
      return { before, done: await send(file, prune, false) };
    },
    onSettled: () => queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "import" }),
  });
}

/** `onDone` is called although what offered it is closed by then. */
export function useUndoImport(onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (before: string) => send(before, true, false),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries(),
  });
}
