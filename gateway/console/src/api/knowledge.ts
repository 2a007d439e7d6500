import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import type { Document, DocumentBody } from "./types";

const PAGE = 50;
const LOOK_MS = 2_000; // while documents are being prepared

const key = (agentId: string) => ["knowledge", agentId];

/** The bases of an agent; looked at again while something is being prepared. */
export function useBases(agentId: string) {
  return useQuery({
    queryKey: [...key(agentId), "bases"],
    queryFn: () => said(api.GET("/api/agents/{id}/knowledge", { params: { path: { id: agentId } } })),
    refetchInterval: (query) => (query.state.data?.bases.some((base) => !base.complete) ? LOOK_MS : false),
  });
}

export function useDocuments(agentId: string) {
  return useInfiniteQuery({
    queryKey: [...key(agentId), "list"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      return said(api.GET("/api/agents/{id}/knowledge/documents", { params: { path: { id: agentId }, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: (query) =>
      query.state.data?.pages.some((page) => page.items.some((item) => item.embedded < item.chunks)) ? LOOK_MS : false,
  });
}

export function useDocument(agentId: string, documentId: string | undefined) {
  return useQuery({
    queryKey: [...key(agentId), "one", documentId],
    enabled: documentId !== undefined,
    queryFn: () =>
      said(
        api.GET("/api/agents/{id}/knowledge/documents/{document_id}", {
          params: { path: { id: agentId, document_id: documentId ?? "" } },
        }),
      ),
  });
}

export function useChunks(agentId: string, documentId: string) {
  return useInfiniteQuery({
    queryKey: [...key(agentId), "chunks", documentId],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      const path = { id: agentId, document_id: documentId };
      return said(api.GET("/api/agents/{id}/knowledge/documents/{document_id}/chunks", { params: { path, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
  });
}

/** Save a document; one without a version is new. */
export function useSaveDocument(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ body, known }: { body: DocumentBody; known?: { id: string; version: number } }) =>
      known
        ? said(
            api.PUT("/api/agents/{id}/knowledge/documents/{document_id}", {
              params: { path: { id: agentId, document_id: known.id }, header: ifMatch(known.version) },
              body,
            }),
          )
        : said(
            api.POST("/api/agents/{id}/knowledge/documents", {
              params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
              body,
            }),
          ),
    onSettled: refresh,
  });
}

export function useDeleteDocument(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (document: Document) =>
      said(
        api.DELETE("/api/agents/{id}/knowledge/documents/{document_id}", {
          params: { path: { id: agentId, document_id: document.id }, header: ifMatch(document.version) },
        }),
      ),
    onSettled: refresh,
  });
}

export function useRestoreDocument(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (document: Document) =>
      said(
        api.POST("/api/agents/{id}/knowledge/documents/{document_id}/restore", {
          params: { path: { id: agentId, document_id: document.id } },
        }),
      ),
    onSettled: refresh,
  });
}

export function useSearch(agentId: string) {
  return useMutation({
    mutationFn: (text: string) =>
      said(
        api.POST("/api/agents/{id}/knowledge/search", { params: { path: { id: agentId } }, body: { text, limit: 5 } }),
      ),
  });
}

/** Not waited for: who asked for a change hears of it before a list is drawn anew and may be gone. */
function useRefresh(agentId: string) {
  const queries = useQueryClient();
  return () => {
    for (const queryKey of [key(agentId), ["agents"], ["agent", agentId]]) void queries.invalidateQueries({ queryKey });
  };
}
