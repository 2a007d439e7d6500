import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { useRefreshed } from "./refresh";
import type { components } from "./schema";

export type Question = components["schemas"]["QuestionView"];

const KEY = ["questions"];

/** What customers asked and the knowledge had no good answer for. */
export function useQuestions(agentId: string) {
  useRefreshed("conversations", [KEY]);
  return useQuery({
    queryKey: [...KEY, agentId],
    queryFn: async () =>
      (await said(api.GET("/api/agents/{id}/knowledge/questions", { params: { path: { id: agentId } } }))).items,
  });
}

/** Leave a question out until it is asked again; or show it after all. */
export function useDismissal(agentId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ question, back }: { question: Question; back: boolean }) => {
      const params = { path: { id: agentId, question_id: question.id } };
      return back
        ? said(api.POST("/api/agents/{id}/knowledge/questions/{question_id}/recall", { params }))
        : said(api.DELETE("/api/agents/{id}/knowledge/questions/{question_id}", { params }));
    },
    onSettled: () => queries.invalidateQueries({ queryKey: [...KEY, agentId] }),
  });
}
