import IconAlert from "@tabler/icons-react/icons/IconAlertTriangle";
import IconHand from "@tabler/icons-react/icons/IconHandStop";
import IconMessage from "@tabler/icons-react/icons/IconMessageCircle";
import IconPencil from "@tabler/icons-react/icons/IconPencil";
import IconPlug from "@tabler/icons-react/icons/IconPlug";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import IconUser from "@tabler/icons-react/icons/IconUser";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import type { Update } from "../../api/types";
import { translatedReason } from "../../parts/conversation/reasons";
import { withQuery } from "../../parts/url";
import { GROUPS } from "./state";

export function isError(kind: string): boolean {
  return (GROUPS.errors as readonly string[]).includes(kind) || /\.(failed|broken|dead)$/.test(kind);
}

export function iconOf(kind: string) {
  if (isError(kind)) return IconAlert;
  if ((GROUPS.people as readonly string[]).includes(kind)) return IconHand;
  if ((GROUPS.company as readonly string[]).includes(kind)) return IconUser;
  const start = kind.split(".")[0];
  if (start === "turn") return IconRobot;
  if (start === "agent") return IconPencil;
  return start === "conversation" || start === "contact" ? IconMessage : IconPlug;
}

/** Where an update leads; undefined where there is nothing to open. */
export function addressOf(update: Update, base: string): string | undefined {
  const { type, id } = update.subject;
  if (type === "script" && update.agent_id && id)
    return withQuery(`${base}/ai-agents/${update.agent_id}/scripts`, { script: id });
  if (update.conversation_id) return withQuery(`${base}/conversations`, { conversation: update.conversation_id });
  return update.agent_id ? `${base}/ai-agents/${update.agent_id}` : undefined;
}

/** Who is no person, by the names the program gives itself. */
const BY_PROGRAM: Record<string, string> = {
  timer: "updates.by-timer",
  "command line": "updates.by-command-line",
  "start of the demo": "updates.by-demo",
};

/** What happened in the reader's language. Kinds without words of their own are shown as the API says them. */
export function useWords(update: Update): { what: string; about: string } {
  const { t } = useTranslation();
  const agents = useAgents();
  const { data, kind, subject } = update;
  const text = (name: string) => (typeof data[name] === "string" ? (data[name] as string) : "");
  const change = text("what");
  const known = t(`activity.${kind}`, { defaultValue: update.title });
  const what = change && change !== kind ? t(`change.${change}`, { defaultValue: known }) : known;
  const agent = agents.data?.find((one) => one.id === update.agent_id)?.name;
  const mode = text("mode");
  const reason = text("reason");
  const by = BY_PROGRAM[text("by")] ? t(BY_PROGRAM[text("by")] ?? "") : text("by");
  const conversation = subject.type === "conversation" && subject.id ? t("inbox.number", { number: subject.id }) : "";
  const about = [
    subject.title || conversation,
    subject.title === agent ? "" : agent,
    mode && t(`mode.${mode}`, { defaultValue: mode }),
    reason && t(`own-channel.problem.${text("code")}.title`, { defaultValue: translatedReason(t, reason) }),
    text("to") && `→ ${text("to")}`,
    by !== subject.title && by,
    text("error"),
  ];
  return { what, about: about.filter(Boolean).join(" · ") };
}
