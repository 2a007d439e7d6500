import { ApiError, asProblem } from "./problem";

export interface Question {
  agent_id: string;
  conversation_id?: string;
  message_id: string;
  text: string;
  version?: "published" | "draft" | number;
}

export interface Answer {
  conversation_id: string;
  message_id: string | null;
  reply: { id: string; text: string; mode: string | null } | null;
  trace_id: string | null;
  reason?: string | null;
}

export type ChatEvent =
  | { type: "accepted"; conversation_id: string }
  | { type: "delta"; text: string; turn_id: string }
  | { type: "message"; answer: Answer }
  | { type: "error"; error: ApiError };

/** Say something to an agent and hear its answer piece by piece. Repeating a question does not ask it twice. */
export async function* ask(question: Question, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(question),
    signal,
  }).catch((error: unknown) => {
    throw signal.aborted ? error : new ApiError(0);
  });
  if (!response.ok || !response.body) throw await ApiError.of(response);
  let whole = false;
  for await (const [name, data] of events(response.body)) {
    whole ||= name === "done";
    const event = chatEvent(name, data);
    if (event) yield event;
  }
  if (!whole && !signal.aborted) throw new ApiError(0);
}

function chatEvent(name: string, data: string): ChatEvent | undefined {
  const value = JSON.parse(data);
  switch (name) {
    case "accepted":
      return { type: "accepted", conversation_id: value.conversation_id };
    case "delta":
      return { type: "delta", text: value.text, turn_id: value.turn_id };
    case "message":
      return { type: "message", answer: value };
    case "error":
      return { type: "error", error: new ApiError(value.status, asProblem(value)) };
    default:
      return undefined;
  }
}

/** Read server-sent events: name and data of each. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<[string, string]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = new Map(
          block.split("\n").map((line) => [line.split(":", 1)[0] ?? "", line.slice(line.indexOf(":") + 2)]),
        );
        const data = fields.get("data");
        if (data !== undefined) yield [fields.get("event") ?? "message", data];
      }
      if (done) return;
    }
  } catch (error) {
    throw error instanceof DOMException && error.name === "AbortError" ? error : new ApiError(0);
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
