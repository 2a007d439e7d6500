import { useQuery } from "@tanstack/react-query";
import { api, said } from "../../api/client";

/** The stored trace, as `actors/domain/trace.py` writes it; what is absent was empty. */
export interface Trace {
  agent_id?: string;
  version?: number;
  control?: string;
  language?: string;
  mode?: string;
  reason?: string;
  scripts?: {
    /** `likeness`: by meaning; then what matched is the nearest sentence. */
    winner?: [id: string, name: string, score: number, matched: string[], likeness?: number];
    losers?: Record<string, (string | [id: string, score: number])[]>;
    unlisted?: number;
  };
  /** The nearest sentence of each script, where no words matched; `why` says why nothing was compared. */
  meanings?: {
    why?: string;
    levels?: [loose: number, normal: number, strict: number];
    near?: Record<string, [likeness: number, sentence: string]>;
  };
  /** The step of a dialogue that was answered, and where the answer leads. */
  dialogue?: {
    script: string;
    name?: string;
    step?: string;
    understood?: string;
    remembered?: string;
    full?: boolean;
    why?: string;
    failed?: number;
    goto?: string;
  };
  passages?: [id: string, score: number, coverage: number][];
  verdict?: string;
  /** What came of the documents; `why` says why they could not be searched, or by words only. */
  knowledge?: { embedder?: string; why?: string; verdict?: string; titles?: Record<string, string> };
  prompt?: {
    reference?: string;
    model?: string;
    prompt_tokens?: number;
    completion_tokens?: number;
    failure?: string;
    /** Those that brought nothing, also of an answer that came in the end. */
    tries?: [model: string, failure: string, ms: number][];
    /** Millionths of a dollar; absent: the model has no price. */
    micros?: number;
    estimated?: boolean;
    /** Tools it called: with what, and what was done or why not. */
    calls?: [tool: string, given: Record<string, string>, came: string][];
  };
  stages_ms?: Record<string, number>;
  rules?: {
    fired?: { rule: string; name: string; on: string; reasons?: string[]; done: string[] }[];
    failed?: { rule: string; on: string; reason: string }[];
    events?: { on: string; losers?: Record<string, string[]> }[];
  };
}

export interface Named {
  id: string;
  name?: string;
  title?: string;
  text?: string;
  steps?: { id: string; ask?: Record<string, string> }[];
}

export function useTrace(conversationId: string, messageId: string) {
  return useQuery({
    queryKey: ["trace", conversationId, messageId],
    queryFn: async () => {
      const path = { id: conversationId, message_id: messageId };
      const answer = await said(api.GET("/api/conversations/{id}/messages/{message_id}/trace", { params: { path } }));
      return { ...answer, trace: answer.trace as Trace };
    },
    // What happened does not change.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Scripts and passages of the version that answered, by their ids. */
export function useWording(agentId: string | undefined, version: number | undefined) {
  const query = useQuery({
    queryKey: ["version", agentId, version],
    enabled: agentId !== undefined && version !== undefined,
    queryFn: () =>
      said(
        api.GET("/api/agents/{id}/versions/{version}", {
          params: { path: { id: agentId ?? "", version: String(version) } },
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    meta: { told: true },
  });
  const definition = query.data?.definition as { scripts?: Named[]; passages?: Named[]; rules?: Named[] } | undefined;
  return { scripts: byId(definition?.scripts), passages: byId(definition?.passages), rules: byId(definition?.rules) };
}

function byId(named: Named[] = []): Map<string, Named> {
  return new Map(named.map((item) => [item.id, item]));
}
