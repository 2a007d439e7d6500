import { useCallback } from "react";
import { useSearchParams } from "react-router";
import type { InboxFilter } from "../../api/conversations";
import { useSession } from "../../app/session";
import { CHANNELS, type ChannelName } from "../../parts/channels";

const CONTROLS = ["waiting", "human", "bot"] as const;
// In the place of who answers.
export const UNANSWERED = "unanswered";
export const MINE = "mine";
export const CLOSED = "closed";
export type ControlName = (typeof CONTROLS)[number];

/** Filters, the opened conversation and the explained message are in the address. */
export function useInboxState() {
  const [query, setQuery] = useSearchParams();
  const { user } = useSession();
  const change = useCallback(
    (changes: Record<string, string | undefined | null>, replace = false) =>
      setQuery(
        (now) => {
          for (const [name, value] of Object.entries(changes)) {
            if (value) now.set(name, value);
            else now.delete(name);
          }
          return now;
        },
        { replace },
      ),
    [setQuery],
  );
  const q = query.get("q");
  const agent = query.get("agent");
  const control = CONTROLS.find((name) => name === query.get("control"));
  const channel = CHANNELS.find((name): name is ChannelName => name === query.get("channel"));
  const filter: InboxFilter = {
    ...(q ? { q } : {}),
    ...(agent ? { agent_id: agent } : {}),
    ...(control ? { control } : {}),
    ...(query.get("control") === UNANSWERED ? { unanswered: "true" as const } : {}),
    // Whoever looks for something finds it, closed or not.
    ...(query.get("control") === CLOSED ? { closed: "true" as const } : q ? { closed: "any" as const } : {}),
    ...(query.get("control") === MINE ? { assigned_to: user.id } : {}),
    ...(channel ? { channel } : {}),
  };
  const opened = query.get("conversation");
  return {
    filter,
    opened: opened && /^[1-9]\d{0,18}$/.test(opened) ? opened : undefined,
    traced: query.get("trace") ?? undefined,
    /** Where there is no room beside the conversation: whether its context is opened. */
    about: query.get("about") !== null,
    change,
  };
}

export type InboxState = ReturnType<typeof useInboxState>;
