import { Badge, Button, Group, Loader, Stack, Text } from "@mantine/core";
import IconInfo from "@tabler/icons-react/icons/IconInfoCircle";
import type { TFunction } from "i18next";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../api/types";
import { useMay } from "../../app/session";
import { ProblemText, problemTitle } from "../../app/toasts";
import { When } from "../When";
import classes from "./Chat.module.css";
import { MessageButtons } from "./MessageButtons";
import { MessageFiles } from "./MessageFiles";
import type { Pending, Silence } from "./pending";
import { translatedReason } from "./reasons";
import { WrongAnswer } from "./WrongAnswer";

interface Props {
  messages: Message[];
  /** Where their files are. */
  conversationId?: string;
  /** Whose answers they are: who may can say that one was wrong. */
  agentId?: string;
  /** Who reads: what he says himself stands at the right. */
  side?: "customer" | "company";
  pending?: Pending | undefined;
  silence?: Silence | undefined;
  traced: string | undefined;
  onTrace: (messageId: string) => void;
  onAgain?: () => void;
  /** Says something as the customer. */
  onSay?: (text: string) => void;
}

export function Thread({
  messages,
  conversationId,
  agentId,
  side = "customer",
  pending,
  silence,
  traced,
  onTrace,
  onAgain,
  onSay,
}: Props) {
  const { t } = useTranslation();
  const end = useRef<HTMLDivElement>(null);
  const mayCorrect = useMay("admin");
  const [wrong, setWrong] = useState<Message>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is new is scrolled to
  useEffect(() => {
    // Not its result: newer browsers answer with a promise, and an effect's result is its clean-up.
    void end.current?.scrollIntoView({ block: "end" });
  }, [messages.length, pending?.said.length, pending?.phase]);
  const answered = new Set(messages.filter((message) => message.role !== "customer").map((message) => message.turn_id));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className={classes.thread} data-side={side} role="log" aria-label={t("chat.thread")} tabIndex={0}>
      <Stack gap="md" className={classes.messages}>
        {messages.map((message) => (
          <Said key={message.id} message={message} conversationId={conversationId} onSay={onSay}>
            {(message.role === "agent" || !answered.has(message.turn_id)) && (
              <Why messageId={message.id} opened={traced === message.id} onTrace={onTrace} />
            )}
            {mayCorrect && agentId && message.role === "agent" && questionOf(message, messages) && (
              <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setWrong(message)}>
                {t("wrong.button")}
              </Button>
            )}
            {silence && silence.messageId === message.id && (
              <Note>{t("chat.silent", { reason: translatedReason(t, silence.reason) })}</Note>
            )}
          </Said>
        ))}
        {pending && <Underway pending={pending} onAgain={onAgain} />}
        <div ref={end} />
      </Stack>
      {wrong && agentId && (
        <WrongAnswer
          agentId={agentId}
          messageId={wrong.id}
          question={questionOf(wrong, messages)}
          onClose={() => setWrong(undefined)}
        />
      )}
    </div>
  );
}

const SOURCES = 3; // a model is shown eight
/** What the customer had asked when this was answered; empty if nothing. */
function questionOf(reply: Message, messages: Message[]): string {
  const asked = messages.filter((message) => message.role === "customer" && message.turn_id === reply.turn_id);
  return asked.map((message) => message.text).join("\n");
}

const BAD = ["failed", "unknown"];

interface SaidProps {
  message: Message;
  conversationId: string | undefined;
  onSay: ((text: string) => void) | undefined;
  children: ReactNode;
}

function Said({ message, conversationId, onSay, children }: SaidProps) {
  const { t } = useTranslation();
  const customer = message.role === "customer";
  return (
    <article className={classes.said} data-role={message.role} aria-label={t(`chat.role.${message.role}`)}>
      <div className={classes.bubble}>
        {message.text && <Text className="wraps">{message.text}</Text>}
        {conversationId && <MessageFiles message={message} conversationId={conversationId} />}
        <MessageButtons message={message} onSay={onSay} />
      </div>
      <Group gap="xs" className={classes.about}>
        <When at={message.created_at} />
        {!customer && message.mode && (
          <Badge variant="default" size="sm" tt="none" fw={500}>
            {writtenBy(t, message) ?? t(`mode.${message.mode}`)}
          </Badge>
        )}
        {message.delivery && message.delivery.state !== "sent" && (
          <Badge
            variant="light"
            size="sm"
            tt="none"
            fw={500}
            color={BAD.includes(message.delivery.state) ? "red" : "gray"}
            title={message.delivery.error ?? undefined}
          >
            {t(`delivery.${message.delivery.state}`)}
          </Badge>
        )}
        {children}
      </Group>
      {!customer && <Sources message={message} />}
    </article>
  );
}

/** A colleague who wrote it in Kommo; undefined where it was written here. */
function writtenBy(t: TFunction, { written_by: name }: Message): string | undefined {
  if (name === null) return undefined;
  return name ? t("chat.in-kommo", { name }) : t("chat.from-kommo");
}

/** What an answer came from: the documents first of all. */
function Sources({ message }: { message: Message }) {
  const { t } = useTranslation();
  const titles = message.sources.map((source) => {
    const [kind, number] = String(source.place ?? "").split(":");
    return number ? `${source.title}, ${t(`knowledge.place.${kind}`, { number })}` : String(source.title);
  });
  const different = [...new Set(titles)];
  if (different.length === 0 || message.mode === "choices") return null;
  return (
    <Text size="xs" c="dimmed" className="wraps">
      {t("chat.sources")}: {different.slice(0, SOURCES).join("; ")}
    </Text>
  );
}

function Why({ messageId, opened, onTrace }: { messageId: string; opened: boolean; onTrace: (id: string) => void }) {
  const { t } = useTranslation();
  return (
    <Button
      size="compact-xs"
      variant={opened ? "light" : "subtle"}
      leftSection={<IconInfo size={14} />}
      aria-pressed={opened}
      onClick={() => onTrace(messageId)}
    >
      {t("chat.why")}
    </Button>
  );
}

function Underway({ pending, onAgain }: { pending: Pending; onAgain: (() => void) | undefined }) {
  const { t } = useTranslation();
  const working = pending.phase === "sending" || pending.phase === "streaming";
  return (
    <>
      <article className={classes.said} data-role="customer" data-pending aria-label={t("chat.role.customer")}>
        <div className={classes.bubble}>
          <Text className="wraps">{pending.question.text}</Text>
        </div>
      </article>
      {(working || pending.said) && (
        <article
          className={classes.said}
          data-role="agent"
          data-streaming={working || undefined}
          aria-label={t("chat.role.agent")}
        >
          <div className={classes.bubble}>
            {pending.said ? (
              <Text className="wraps">{pending.said}</Text>
            ) : (
              <Loader type="dots" size="sm" aria-label={t("chat.thinking")} />
            )}
          </div>
        </article>
      )}
      {(pending.phase === "stopped" || pending.phase === "late") && <Note>{t(`chat.${pending.phase}`)}</Note>}
      {pending.phase === "failed" && pending.error && (
        <Group role="alert" className={classes.failed} gap="sm">
          <Stack gap={2}>
            <Text size="sm" c="var(--mantine-color-error)" fw={500}>
              {problemTitle(pending.error)}
            </Text>
            <ProblemText error={pending.error} />
          </Stack>
          <Button size="xs" variant="default" onClick={onAgain}>
            {t("app.again")}
          </Button>
        </Group>
      )}
    </>
  );
}

function Note({ children }: { children: ReactNode }) {
  return (
    <Text size="sm" c="dimmed" role="status">
      {children}
    </Text>
  );
}
