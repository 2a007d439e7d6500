import { ActionIcon, Badge, Code, Group, Stack, Text, Title } from "@mantine/core";
import IconX from "@tabler/icons-react/icons/IconX";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { CopyButton } from "../CopyButton";
import { Failed, Loading } from "../states";
import { When } from "../When";
import { DialogueOf } from "./DialogueOf";
import { ActionsOf, RulesOf } from "./RulesPart";
import { translatedReason } from "./reasons";
import { Losers, Passages, Prompt, Stages, Winner } from "./TraceParts";
import { type Trace, useTrace, useWording } from "./trace";

interface Props {
  conversationId: string;
  messageId: string;
  onClose?: () => void;
}

/** Why the turn of a message went as it did. */
export function TracePane({ conversationId, messageId, onClose }: Props) {
  const { t } = useTranslation();
  const found = useTrace(conversationId, messageId);
  return (
    <Stack gap="lg" data-trace={messageId}>
      {onClose && (
        <Group justify="space-between" wrap="nowrap">
          <Title order={2} size="h4">
            {t("trace.title")}
          </Title>
          <ActionIcon onClick={onClose} aria-label={t("trace.close")}>
            <IconX size={18} />
          </ActionIcon>
        </Group>
      )}
      {found.isPending && <Loading />}
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.data && (
        <Explained trace={found.data.trace} traceId={found.data.trace_id} at={found.data.created_at}>
          <ActionsOf conversationId={conversationId} messageId={messageId} />
        </Explained>
      )}
    </Stack>
  );
}

interface ExplainedProps {
  trace: Trace;
  traceId: string;
  at: string;
  children: ReactNode;
}

function Explained({ trace, traceId, at, children }: ExplainedProps) {
  const { t } = useTranslation();
  const { scripts, passages, rules } = useWording(trace.agent_id, trace.version);
  return (
    <>
      <Stack gap={8}>
        <Group gap="xs">
          <Badge size="lg" tt="none" variant="light">
            {t(`mode.${trace.mode ?? "silent"}`)}
          </Badge>
          <When at={at} />
        </Group>
        <Text size="sm">{t(`mode-means.${trace.mode ?? "silent"}`)}</Text>
        {trace.reason && (
          <Text size="sm" c="dimmed">
            {t("trace.reason")}: {translatedReason(t, trace.reason, (id) => scripts.get(id)?.name ?? id)}
          </Text>
        )}
      </Stack>
      {trace.rules && (
        <>
          <Part title={t("trace.rules")}>
            <RulesOf rules={trace.rules} nameOf={(id) => rules.get(id)?.name ?? id} />
          </Part>
          <Part title={t("trace.actions")}>{children}</Part>
        </>
      )}
      <Part title={t("trace.scripts")}>
        {trace.dialogue && <DialogueOf told={trace.dialogue} scripts={scripts} />}
        {trace.scripts?.winner && <Winner winner={trace.scripts.winner} meanings={trace.meanings} />}
        {!trace.scripts?.winner && !trace.dialogue && <Quiet>{t("trace.no-script")}</Quiet>}
        {trace.meanings?.why && <Quiet>{t("trace.not-compared", { why: trace.meanings.why })}</Quiet>}
        <Losers
          losers={trace.scripts?.losers ?? {}}
          unlisted={trace.scripts?.unlisted ?? 0}
          scripts={scripts}
          near={trace.meanings?.near ?? {}}
        />
      </Part>
      <Part title={t("trace.passages")}>
        {trace.passages ? (
          <Passages found={trace.passages} verdict={trace.verdict} passages={passages} knowledge={trace.knowledge} />
        ) : (
          <Quiet>{t(trace.scripts?.winner || trace.dialogue?.goto ? "trace.not-searched" : "trace.no-passage")}</Quiet>
        )}
        {trace.knowledge?.why && <Quiet>{t("trace.documents-limited", { why: trace.knowledge.why })}</Quiet>}
      </Part>
      <Part title={t("trace.model")}>
        {trace.prompt ? <Prompt prompt={trace.prompt} /> : <Quiet>{t("trace.no-model")}</Quiet>}
      </Part>
      {trace.stages_ms && (
        <Part title={t("trace.stages")}>
          <Stages stages={trace.stages_ms} />
        </Part>
      )}
      <Part title={t("trace.about")}>
        <Fact name={t("trace.version")}>{trace.version ?? "–"}</Fact>
        {trace.language && (
          <Fact name={t("trace.language")}>{t(`language.${trace.language}`, { defaultValue: trace.language })}</Fact>
        )}
        {trace.control && <Fact name={t("trace.control")}>{t(`control.${trace.control}`)}</Fact>}
        <Group gap={4} wrap="nowrap">
          <Text size="sm" c="dimmed">
            {t("trace.id")}
          </Text>
          <Code fz="xs">{traceId.slice(0, 8)}…</Code>
          <CopyButton value={traceId} />
        </Group>
      </Part>
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack component="section" gap={8}>
      <Title order={3} size="sm">
        {title}
      </Title>
      {children}
    </Stack>
  );
}

export function Quiet({ children }: { children: ReactNode }) {
  return (
    <Text size="sm" c="dimmed">
      {children}
    </Text>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Group gap={6} wrap="nowrap" justify="space-between" align="flex-start">
      <Text size="sm" c="dimmed">
        {name}
      </Text>
      <Text size="sm" ta="right" className="wraps">
        {children}
      </Text>
    </Group>
  );
}
