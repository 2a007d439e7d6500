import { type QueryKey, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { freshKey } from "./ids";
import type { components } from "./schema";

export type User = components["schemas"]["UserView"];
export type Role = User["role"];
export type OneTimeLink = components["schemas"]["LinkView"];
export type ApiKey = components["schemas"]["KeyView"];
export type Invitation = components["schemas"]["UserInvite"];

/** What each may do, the ones below may not do more. */
export const ROLES: readonly Role[] = ["owner", "admin", "operator", "viewer"];
const USERS = ["users"];
const KEYS = ["api-keys"];
const COMPANY = ["company"];
const PAGE = 50;

/** Who works here, oldest first. */
export function useUsers() {
  return useInfiniteQuery({
    queryKey: USERS,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      said(api.GET("/api/users", { params: { query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    getNextPageParam: (last) => last.next ?? undefined,
  });
}

/** Invite somebody; their one-time link is in the answer, and nowhere else. */
export function useInvite() {
  return useChanging(
    (body: Invitation) => said(api.POST("/api/users", { params: { header: { "Idempotency-Key": freshKey() } }, body })),
    [USERS, ["colleagues"]],
    true,
  );
}

export function useChangeUser(id: string) {
  return useChanging(
    (role: Role) => said(api.PATCH("/api/users/{id}", { params: { path: { id } }, body: { role } })),
    [USERS, ["colleagues"]],
  );
}

export function useRemoveUser(id: string) {
  return useChanging(() => said(api.DELETE("/api/users/{id}", { params: { path: { id } } })), [USERS, ["colleagues"]]);
}

/** A new one-time link for somebody who lost theirs, or the password; earlier ones end. */
export function useNewLink(id: string) {
  return useMutation({
    mutationFn: () =>
      said(api.POST("/api/users/{id}/link", { params: { path: { id }, header: { "Idempotency-Key": freshKey() } } })),
  });
}

/** Keys of programs that work, oldest first. */
export function useApiKeys() {
  return useInfiniteQuery({
    queryKey: KEYS,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      said(
        api.GET("/api/api-keys", {
          params: { query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (last) => last.next ?? undefined,
  });
}

/** Make a key; it is in the answer, and nowhere else. */
export function useCreateKey() {
  return useChanging(
    (body: { name: string; role: Role }) =>
      said(api.POST("/api/api-keys", { params: { header: { "Idempotency-Key": freshKey() } }, body })),
    [KEYS],
    true,
  );
}

export function useRevokeKey(id: string) {
  return useChanging(() => said(api.DELETE("/api/api-keys/{id}", { params: { path: { id } } })), [KEYS]);
}

export function useCompany(id: string) {
  return useQuery({
    queryKey: [...COMPANY, id],
    queryFn: () => said(api.GET("/api/tenants/{id}", { params: { path: { id } } })),
  });
}

export function useChangeCompany(id: string) {
  return useChanging(
    (body: components["schemas"]["TenantPatch"]) =>
      said(api.PATCH("/api/tenants/{id}", { params: { path: { id } }, body })),
    [COMPANY, ["session"]],
  );
}

/** Change one's own name, or the language in which one is written to. */
export function useChangeProfile() {
  return useChanging(
    (body: components["schemas"]["ProfileChange"]) => said(api.PATCH("/api/session", { body })),
    [["session"]],
  );
}

export function useChangePassword() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: components["schemas"]["PasswordChange"]) => said(api.PUT("/api/session/password", { body })),
    onSuccess: (session) => queries.setQueryData(["session"], session),
    meta: { told: true },
  });
}

/** A change after which these are read again; `told`: whoever asks shows what went wrong. */
function useChanging<Given, Answer>(send: (given: Given) => Promise<Answer>, keys: QueryKey[], told = false) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSettled: () => Promise.all(keys.map((queryKey) => queries.invalidateQueries({ queryKey }))),
    ...(told ? { meta: { told: true } } : {}),
  });
}
