import type { Question } from "../../api/chat";
import type { ApiError } from "../../api/problem";

/**
 * What was said and is not in the history yet. `stopped` and `late` ones are answered all the same: the message is
 * stored; `failed` may not be, and is repeated under the same id.
 */
export interface Pending {
  question: Question;
  conversationId: string | undefined;
  /** How many messages the history had before. */
  before: number;
  phase: "sending" | "streaming" | "stopped" | "late" | "failed";
  said: string;
  turnId: string;
  error?: ApiError;
}

export interface Silence {
  messageId: string;
  reason: string;
}
