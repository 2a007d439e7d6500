import { Button, Select, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useAgents } from "../../api/agents";
import { choices, useAssign, useColleagues } from "../../api/colleagues";
import { useConversation } from "../../api/conversations";
import { useUpdates } from "../../api/dashboard";
import type { Conversation, Update } from "../../api/types";
import { useMay, useSession } from "../../app/session";
import { CopyButton } from "../../parts/CopyButton";
import { Fact, TracePane } from "../../parts/conversation/TracePane";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import { useWords } from "../dashboard/words";

interface Props {
  id: string;
  traced: string | undefined;
  onClose?: () => void;
}

/** What there is to know about a conversation; or why one of its answers was given. */
export function Context({ id, traced, onClose }: Props) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const found = useConversation(id);
  const agents = useAgents();
  const happened = useUpdates({ range: "month", conversation: id });
  if (traced) return <TracePane conversationId={id} messageId={traced} {...(onClose ? { onClose } : {})} />;
  if (found.isPending) return <Loading />;
  if (found.isError) return <Failed error={found.error} again={() => void found.refetch()} />;
  const conversation = found.data;
  const agent = agents.data?.find((one) => one.id === conversation.agent_id);
  const updates = happened.data?.pages[0]?.items ?? [];
  return (
    <Stack gap="lg">
      <Stack gap={8} component="section">
        <Title order={2} size="h4">
          {t("inbox.context")}
        </Title>
        <Fact name={t("inbox.channel")}>{t(`channel.${conversation.channel}`)}</Fact>
        <Fact name={t("chat.agent")}>{agent?.name ?? t("dashboard.archived")}</Fact>
        <Fact name={t("trace.control")}>{t(`control.${conversation.control}`)}</Fact>
        <Whose conversation={conversation} />
        <Fact name={t("inbox.began")}>
          <When at={conversation.created_at} size="sm" />
        </Fact>
        <Fact name={t("inbox.id")}>
          {conversation.id} <CopyButton value={conversation.id} />
        </Fact>
        {agent && (
          <Button component={Link} to={`/manage/${tenant.id}/ai-agents/${agent.id}`} size="xs" variant="default">
            {t("inbox.open-agent")}
          </Button>
        )}
      </Stack>
      <Stack gap={8} component="section">
        <Title order={3} size="sm">
          {t("inbox.happened")}
        </Title>
        {updates.length === 0 && (
          <Text size="sm" c="dimmed">
            {t("updates.empty")}
          </Text>
        )}
        {updates.map((update) => (
          <Happened key={update.id} update={update} />
        ))}
      </Stack>
    </Stack>
  );
}

/** Whose it is: they are asked first when a person is needed. */
function Whose({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const operator = useMay("operator");
  const colleagues = useColleagues(operator);
  const assign = useAssign(conversation.id);
  const theirs = conversation.assigned_to;
  if (!operator) return theirs && <Fact name={t("inbox.whose")}>{theirs.name}</Fact>;
  return (
    <Select
      size="xs"
      label={t("inbox.whose")}
      placeholder={t("inbox.nobodys")}
      searchable
      clearable
      clearButtonProps={{ "aria-label": t("inbox.nobodys") }}
      disabled={assign.isPending}
      data={choices(colleagues.data, "id", theirs && { value: theirs.id, label: theirs.name })}
      value={theirs?.id ?? null}
      onChange={(user) => assign.mutate(user)}
    />
  );
}

function Happened({ update }: { update: Update }) {
  const words = useWords(update);
  return (
    <div>
      <Text size="sm">{words.what}</Text>
      {words.about && (
        <Text size="xs" c="dimmed" className="wraps">
          {words.about}
        </Text>
      )}
      <When at={update.at} />
    </div>
  );
}
