import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import type { Script, ScriptBody, ScriptsDocument } from "./types";

const PAGE = 50;
export const SCRIPTS_FORMAT = "callboard/scripts/1";

export interface ScriptFilter {
  q?: string;
  language?: string;
  enabled?: boolean;
}

const key = (agentId: string) => ["scripts", agentId];

export function useScripts(agentId: string, filter: ScriptFilter) {
  return useInfiniteQuery({
    queryKey: [...key(agentId), filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { ...filter, limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      return said(api.GET("/api/agents/{id}/scripts", { params: { path: { id: agentId }, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: (before) => before,
  });
}

export function useScript(agentId: string, scriptId: string | undefined) {
  return useQuery({
    queryKey: [...key(agentId), "one", scriptId],
    enabled: scriptId !== undefined,
    queryFn: () =>
      said(
        api.GET("/api/agents/{id}/scripts/{script_id}", {
          params: { path: { id: agentId, script_id: scriptId ?? "" } },
        }),
      ),
  });
}

/** Save a script; one without a version is new. `told`: who saves says what went wrong. */
export function useSaveScript(agentId: string, told = false) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ body, known }: { body: ScriptBody; known?: Script }) =>
      known
        ? said(
            api.PUT("/api/agents/{id}/scripts/{script_id}", {
              params: { path: { id: agentId, script_id: known.id }, header: ifMatch(known.version) },
              body,
            }),
          )
        : said(
            api.POST("/api/agents/{id}/scripts", {
              params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
              body,
            }),
          ),
    onSettled: refresh,
    ...(told && { meta: { told } }),
  });
}

export function useDeleteScript(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (script: Script) =>
      said(
        api.DELETE("/api/agents/{id}/scripts/{script_id}", {
          params: { path: { id: agentId, script_id: script.id }, header: ifMatch(script.version) },
        }),
      ),
    onSettled: refresh,
  });
}

export function useRestoreScript(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (script: Script) =>
      said(
        api.POST("/api/agents/{id}/scripts/{script_id}/restore", {
          params: { path: { id: agentId, script_id: script.id } },
        }),
      ),
    onSettled: refresh,
  });
}

export function useTryPhrase(agentId: string) {
  return useMutation({
    mutationFn: (text: string) =>
      said(api.POST("/api/agents/{id}/scripts/try", { params: { path: { id: agentId } }, body: { text } })),
  });
}

export function useImportScripts(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ scripts, replace }: { scripts: ScriptsDocument["scripts"]; replace: boolean }) =>
      said(
        api.POST("/api/agents/{id}/scripts/import", {
          params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
          body: { format: SCRIPTS_FORMAT, scripts, replace },
        }),
      ),
    onSettled: refresh,
    meta: { told: true },
  });
}

/** All scripts of an agent as they are saved in a file. */
export function exportScripts(agentId: string): Promise<ScriptsDocument> {
  return said(api.GET("/api/agents/{id}/scripts/export", { params: { path: { id: agentId } } }));
}

/** Not waited for: who asked for a change hears of it before a list is drawn anew and may be gone. */
function useRefresh(agentId: string) {
  const queries = useQueryClient();
  return () => {
    for (const queryKey of [key(agentId), ["agents"], ["agent", agentId]]) void queries.invalidateQueries({ queryKey });
  };
}

/** What is sent of a script that is there. */
export function bodyOf(script: Script): ScriptBody {
  const { id, key, version, created_at, changed_at, changed_by, deleted_at, ...body } = script;
  return body as ScriptBody;
}
