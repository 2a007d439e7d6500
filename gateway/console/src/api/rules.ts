import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ifMatch, said } from "./client";
import { freshKey } from "./ids";
import type { Rule, RuleBody } from "./types";

const MOST = 100;
const PAGE = 20;

const key = (agentId: string) => ["rules", agentId];
const hookKey = (agentId: string) => ["rule-webhook", agentId];

/** All rules in their order. */
export function useRules(agentId: string) {
  return useQuery({
    queryKey: key(agentId),
    queryFn: async (): Promise<Rule[]> => {
      const all: Rule[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor ? { limit: MOST, cursor } : { limit: MOST };
        const page = await said(api.GET("/api/agents/{id}/rules", { params: { path: { id: agentId }, query } }));
        all.push(...page.items);
        cursor = page.next;
      } while (cursor);
      return all;
    },
  });
}

/** What rules can be made of. */
export function useVocabulary() {
  return useQuery({
    queryKey: ["vocabulary"],
    queryFn: () => said(api.GET("/api/rules/vocabulary")),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Where systems of the company's own wake the agent's rules. */
export function useRuleHook(agentId: string) {
  return useQuery({
    queryKey: hookKey(agentId),
    queryFn: () => said(api.GET("/api/agents/{id}/rule-webhook", { params: { path: { id: agentId } } })),
    meta: { told: true },
  });
}

export function useRotateRuleHook(agentId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => said(api.POST("/api/agents/{id}/rule-webhook/rotate", { params: { path: { id: agentId } } })),
    onSuccess: (hook) => queries.setQueryData(hookKey(agentId), hook),
  });
}

/** Save a rule; one that is not known is new. */
export function useSaveRule(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: ({ body, known }: { body: RuleBody; known?: Rule }) =>
      known
        ? said(
            api.PUT("/api/agents/{id}/rules/{rule_id}", {
              params: { path: { id: agentId, rule_id: known.id }, header: ifMatch(known.version) },
              body,
            }),
          )
        : said(
            api.POST("/api/agents/{id}/rules", {
              params: { path: { id: agentId }, header: { "Idempotency-Key": freshKey() } },
              body,
            }),
          ),
    onSettled: refresh,
  });
}

export function useDeleteRule(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (rule: Rule) =>
      said(
        api.DELETE("/api/agents/{id}/rules/{rule_id}", {
          params: { path: { id: agentId, rule_id: rule.id }, header: ifMatch(rule.version) },
        }),
      ),
    onSettled: refresh,
  });
}

export function useRestoreRule(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (rule: Rule) =>
      said(
        api.POST("/api/agents/{id}/rules/{rule_id}/restore", {
          params: { path: { id: agentId, rule_id: rule.id } },
        }),
      ),
    onSettled: refresh,
  });
}

export function useOrderRules(agentId: string) {
  const refresh = useRefresh(agentId);
  return useMutation({
    mutationFn: (rules: string[]) =>
      said(api.PUT("/api/agents/{id}/rules/order", { params: { path: { id: agentId } }, body: { rules } })),
    onSettled: refresh,
  });
}

/** What is wrong with a rule while it is written. */
export function useFaults(agentId: string, rule: RuleBody, ruleId: string | undefined) {
  return useQuery({
    queryKey: [...key(agentId), "faults", ruleId, rule],
    queryFn: () =>
      said(
        api.POST("/api/agents/{id}/rules/validate", {
          params: { path: { id: agentId } },
          body: { rule: { ...rule }, ...(ruleId ? { rule_id: ruleId } : {}) },
        }),
      ),
    placeholderData: (before) => before,
    staleTime: 60_000,
  });
}

/** When a rule fired or failed, the newest first. */
export function useExecutions(agentId: string, ruleId: string) {
  return useInfiniteQuery({
    queryKey: [...key(agentId), "executions", ruleId],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      const path = { id: agentId, rule_id: ruleId };
      return said(api.GET("/api/agents/{id}/rules/{rule_id}/executions", { params: { path, query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
  });
}

export function useRetryAction() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => said(api.POST("/api/actions/{id}/retry", { params: { path: { id } } })),
    onSettled: () => {
      for (const queryKey of [["rules"], ["actions"]]) void queries.invalidateQueries({ queryKey });
    },
  });
}

/** What the turn of a message asked of systems outside. */
export function useActionsOf(conversationId: string, messageId: string) {
  return useQuery({
    queryKey: ["actions", conversationId, messageId],
    queryFn: () =>
      said(
        api.GET("/api/conversations/{id}/messages/{message_id}/actions", {
          params: { path: { id: conversationId, message_id: messageId } },
        }),
      ),
    meta: { told: true },
  });
}

/** Whether a test conversation acts in earnest. */
export function useActs(conversationId: string | undefined) {
  return useQuery({
    queryKey: ["acts", conversationId],
    enabled: conversationId !== undefined,
    queryFn: () => said(api.GET("/api/conversations/{id}/acts", { params: { path: { id: conversationId ?? "" } } })),
    meta: { told: true },
  });
}

export function useSetActs() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ conversationId, acts }: { conversationId: string; acts: boolean }) =>
      said(api.PUT("/api/conversations/{id}/acts", { params: { path: { id: conversationId } }, body: { acts } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["acts"] }),
  });
}

/** Not waited for: who asked for a change hears of it before a list is drawn anew and may be gone. */
function useRefresh(agentId: string) {
  const queries = useQueryClient();
  return () => {
    for (const queryKey of [key(agentId), ["agents"], ["agent", agentId]]) void queries.invalidateQueries({ queryKey });
  };
}

/** What is sent of a rule that is there. */
export function bodyOf(rule: Rule): RuleBody {
  const { key: name, trigger, when, actions, enabled, stops, limit, cooldown_s, timezone, wakes, lets_answer } = rule;
  const shared = { when, actions, enabled, stops, limit, cooldown_s, timezone, wakes, lets_answer };
  return { key: name, name: rule.name, trigger: trigger as RuleBody["trigger"], ...shared };
}
