import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import { ApiError } from "./problem";
import type { Document, DocumentBody, Site } from "./types";

const PAGE = 50;
const UPLOAD_MS = 200_000;
export const MOST_BYTES = 20 * 1024 * 1024;
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

/** The pages of a site; without one what is no page of a site. */
export function useDocuments(agentId: string, siteId?: string) {
  return useInfiniteQuery({
    queryKey: [...key(agentId), "list", siteId],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const which = siteId ? { site_id: siteId } : { single: true };
      const query = { limit: PAGE, ...which, ...(pageParam ? { cursor: pageParam } : {}) };
      return said(api.GET("/api/agents/{id}/knowledge/documents", { params: { path: { id: agentId }, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.items.some(isMoving)) ? LOOK_MS : false),
  });
}

function isMoving(document: Document): boolean {
  return document.state === "reading" || document.embedded < document.chunks;
}

export function useSites(agentId: string) {
  const queries = useQueryClient();
  return useQuery({
    queryKey: [...key(agentId), "sites"],
    queryFn: async () => {
      const all: Site[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor ? { limit: PAGE, cursor } : { limit: PAGE };
        const page = await said(
          api.GET("/api/agents/{id}/knowledge/sites", { params: { path: { id: agentId }, query } }),
        );
        all.push(...page.items);
        cursor = page.next;
      } while (cursor);
      // Pages come one by one while a site is read.
      if (all.some((site) => site.state === "reading")) {
        void queries.invalidateQueries({ queryKey: [...key(agentId), "list"] });
      }
      return all;
    },
    refetchInterval: (query) => (query.state.data?.some((site) => site.state === "reading") ? LOOK_MS : false),
  });
}

/** Send a file as it is. */
async function upload(agentId: string, file: File): Promise<void> {
  const address = `/api/agents/${agentId}/knowledge/files?name=${encodeURIComponent(file.name)}`;
  const headers = { "Content-Type": "application/octet-stream", "Idempotency-Key": freshKey() };
  const signal = AbortSignal.timeout(UPLOAD_MS);
  const response = await fetch(address, { method: "POST", headers, body: file, signal }).catch(() => undefined);
  if (!response) throw new ApiError(0);
  if (!response.ok) throw await ApiError.of(response);
}

export function useUpload(agentId: string) {
  return useMutation({ mutationFn: (file: File) => upload(agentId, file), onSettled: useRefresh(agentId) });
}

export function useAddAddress(agentId: string) {
  return useMutation({
    mutationFn: async ({ kind, address }: { kind: "page" | "site"; address: string }) => {
      const params = { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } };
      if (kind === "page") await said(api.POST("/api/agents/{id}/knowledge/pages", { params, body: { address } }));
      else await said(api.POST("/api/agents/{id}/knowledge/sites", { params, body: { address } }));
    },
    onSettled: useRefresh(agentId),
  });
}

export function useReadAgain(agentId: string) {
  return useMutation({
    mutationFn: async ({ document, site }: { document?: Document; site?: Site }) => {
      if (document) {
        const path = { id: agentId, document_id: document.id };
        await said(api.POST("/api/agents/{id}/knowledge/documents/{document_id}/read", { params: { path } }));
      }
      if (site) {
        const path = { id: agentId, site_id: site.id };
        await said(api.POST("/api/agents/{id}/knowledge/sites/{site_id}/read", { params: { path } }));
      }
    },
    onSettled: useRefresh(agentId),
  });
}

export function useStopReading(agentId: string) {
  return useMutation({
    mutationFn: (jobId: string) => said(api.POST("/api/jobs/{id}/cancel", { params: { path: { id: jobId } } })),
    onSettled: useRefresh(agentId),
  });
}

export function useDeleteSite(agentId: string) {
  return useMutation({
    mutationFn: (site: Site) =>
      said(
        api.DELETE("/api/agents/{id}/knowledge/sites/{site_id}", {
          params: { path: { id: agentId, site_id: site.id }, header: ifMatch(site.version) },
        }),
      ),
    onSettled: useRefresh(agentId),
  });
}

export function useRestoreSite(agentId: string) {
  return useMutation({
    mutationFn: (site: Site) =>
      said(
        api.POST("/api/agents/{id}/knowledge/sites/{site_id}/restore", {
          params: { path: { id: agentId, site_id: site.id } },
        }),
      ),
    onSettled: useRefresh(agentId),
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
