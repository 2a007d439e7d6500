import { Button, Card, Drawer, Group, Stack, Text, Title } from "@mantine/core";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useAgent } from "../../api/agents";
import type { FromSite } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { Composer } from "../../parts/conversation/Composer";
import { TracePane } from "../../parts/conversation/TracePane";
import { Failed, Loading } from "../../parts/states";
import { Publish } from "../agents/Publish";
import { useChatState } from "../test-chat/state";
import { Talk } from "../test-chat/Talk";
import { useChat } from "../test-chat/useChat";
import classes from "./FromSite.module.css";

/** The agent is there: its draft is tried here, and published where all agents are. */
export function Created({ begun }: { begun: FromSite }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const mayEdit = useMay("admin");
  const agent = useAgent(begun.agent_id);
  const base = `/manage/${tenant.id}/ai-agents/${begun.agent_id}`;
  if (agent.isPending) return <Loading />;
  if (agent.isError) return <Failed error={agent.error} again={() => void agent.refetch()} />;
  return (
    <div className={classes.created}>
      <Card withBorder padding="lg">
        <Stack gap="sm">
          <Title order={2} size="h4" className="wraps">
            {agent.data.name}
          </Title>
          <Text>{t(agent.data.published_version > 0 ? "from-site.published" : "from-site.created")}</Text>
          <Group gap="xs">
            {mayEdit && <Publish agent={agent.data} />}
            <Button component={Link} to={base} variant="default">
              {t("from-site.agent")}
            </Button>
            <Button component={Link} to={`${base}/scripts`} variant="default">
              {t("page.scripts")}
            </Button>
            <Button component={Link} to={`${base}/knowledge`} variant="default">
              {t("page.knowledge")}
            </Button>
          </Group>
        </Stack>
      </Card>
      <TryIt agentId={begun.agent_id} />
    </div>
  );
}

function TryIt({ agentId }: { agentId: string }) {
  const { t } = useTranslation();
  const state = useChatState();
  const mayChat = useMay("operator");
  const { change, conversationId, traced } = state;
  const opened = useCallback((id: string) => change({ conversation: id }, true), [change]);
  const chat = useChat(agentId, "draft", conversationId, opened);
  const trace = traced && conversationId;
  return (
    <Card withBorder padding={0} className={classes.chat}>
      <Talk label={t("chat.thread")} agentId={agentId} chat={chat} conversationId={conversationId} state={state} />
      <Composer
        busy={chat.busy}
        disabled={!mayChat}
        placeholder={t("chat.placeholder")}
        onSay={chat.say}
        onStop={chat.stop}
      />
      <Drawer
        opened={Boolean(trace)}
        onClose={() => change({ trace: undefined }, true)}
        position="right"
        title={t("trace.title")}
        closeButtonProps={{ "aria-label": t("trace.close") }}
      >
        {trace && <TracePane conversationId={conversationId} messageId={traced} />}
      </Drawer>
    </Card>
  );
}
