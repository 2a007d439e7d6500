import { useCallback } from "react";
import { useSearchParams } from "react-router";
import { RANGES, type RangeName } from "../../api/dashboard";
import { CHANNELS, type ChannelName } from "../../parts/channels";

/** Groups of kinds as people think of them; a kind that is in none is shown under "everything". */
export const GROUPS = {
  answers: ["turn.answered", "turn.silent"],
  people: [
    "turn.handed_off",
    "conversation.taken",
    "conversation.given_back",
    "conversation.late",
    "conversation.reopened",
    "bot.caught_up",
    "conversation.robots",
  ],
  errors: [
    "message.dead",
    "delivery.failed",
    "delivery.unknown",
    "mirror.refused",
    "mirror.unknown",
    "contact.unreachable",
  ],
  changes: ["agent.created", "agent.changed", "agent.published", "agent.archived", "agent.restored"],
  company: [
    "session.opened",
    "user.invited",
    "user.changed",
    "user.removed",
    "user.password_set",
    "api_key.created",
    "api_key.revoked",
    "tenant.changed",
  ],
} as const;
export type GroupName = keyof typeof GROUPS;

/** Range and filters are in the address. */
export function useDashboardState() {
  const [query, setQuery] = useSearchParams();
  const change = useCallback(
    (name: string, value: string | undefined | null) =>
      setQuery(
        (now) => {
          if (value) now.set(name, value);
          else now.delete(name);
          return now;
        },
        { replace: true },
      ),
    [setQuery],
  );
  const show = query.get("show");
  const channel = query.get("channel");
  const range = query.get("range");
  return {
    range: RANGES.includes(range as RangeName) ? (range as RangeName) : "week",
    agent: query.get("agent") ?? undefined,
    channel: CHANNELS.includes(channel as ChannelName) ? (channel as ChannelName) : undefined,
    show: show !== null && show in GROUPS ? (show as GroupName) : undefined,
    change,
  };
}

export type DashboardState = ReturnType<typeof useDashboardState>;
