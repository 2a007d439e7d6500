import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, said } from "./client";
import { useRefreshed } from "./refresh";

const KEY = ["unanswered"];
const LOOK_MS = 1_000; // while answers are under way

/** How many customers nobody answered. */
export function useUnanswered() {
  useRefreshed("updates", [KEY], LOOK_MS);
  return useQuery({
    queryKey: KEY,
    queryFn: () => said(api.GET("/api/unanswered")),
    refetchInterval: ({ state }) => (state.data?.answering ? LOOK_MS : false),
  });
}

/** Have the agent answer them, each once. */
export function useAnswerNow() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => said(api.POST("/api/unanswered/answer")),
    onSettled: () => queries.invalidateQueries({ queryKey: KEY }),
  });
}
