import { Badge, Button, Group, ScrollArea, Select, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import IconMessages from "@tabler/icons-react/icons/IconMessages";
import IconSearch from "@tabler/icons-react/icons/IconSearch";
import IconUser from "@tabler/icons-react/icons/IconUser";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAgents } from "../../api/agents";
import type { useInbox } from "../../api/conversations";
import type { Conversation } from "../../api/types";
import { CHANNELS } from "../../parts/channels";
import chat from "../../parts/conversation/Chat.module.css";
import { Empty, Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import classes from "./Inbox.module.css";
import { CLOSED, type InboxState, MINE, UNANSWERED } from "./state";

const TYPING_MS = 300;

interface Props {
  state: InboxState;
  list: ReturnType<typeof useInbox>;
  conversations: Conversation[];
  keys: boolean;
}

export function InboxList({ state, list, conversations, keys }: Props) {
  const { t } = useTranslation();
  const filtered = Object.keys(state.filter).length > 0;
  return (
    <>
      <Filters state={state} />
      {list.isPending && <Loading />}
      {list.isError && !list.data && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && conversations.length === 0 && (
        <Empty
          icon={<IconMessages />}
          title={t(filtered ? "scripts.none-found" : "inbox.empty")}
          text={t(filtered ? "scripts.none-found-text" : "inbox.empty-text")}
        />
      )}
      <ScrollArea flex={1} viewportProps={{ tabIndex: 0, role: "group", "aria-label": t("inbox.list") }}>
        {conversations.map((conversation) => (
          <Row key={conversation.id} conversation={conversation} state={state} />
        ))}
        {list.hasNextPage && (
          <Button
            variant="subtle"
            size="sm"
            fullWidth
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t("app.more")}
          </Button>
        )}
      </ScrollArea>
      {keys && (
        <Text size="xs" c="dimmed" className={classes.keys}>
          {t("inbox.keys")}
        </Text>
      )}
    </>
  );
}

function Row({ conversation, state }: { conversation: Conversation; state: InboxState }) {
  const { t } = useTranslation();
  const here = conversation.id === state.opened;
  return (
    <UnstyledButton
      className={chat.conversation}
      aria-current={here || undefined}
      data-conversation={conversation.id}
      onClick={() => state.change({ conversation: conversation.id, trace: undefined })}
    >
      <Stack gap={3}>
        <div className={classes.row}>
          <Text size="sm" fw={600} truncate className={classes.name}>
            {conversation.title || conversation.opening || t("inbox.number", { number: conversation.id })}
          </Text>
          <When at={conversation.last_at} />
        </div>
        <Text size="sm" c="dimmed" truncate>
          {conversation.latest_role &&
            conversation.latest_role !== "customer" &&
            `${t(`inbox.said.${conversation.latest_role}`)}: `}
          {conversation.latest}
        </Text>
        <Group gap={6}>
          <Badge size="sm" variant="default" tt="none" fw={500}>
            {t(`channel.${conversation.channel}`)}
          </Badge>
          {conversation.control !== "bot" && <ControlBadge control={conversation.control} />}
          {conversation.closed_at && <ClosedBadge />}
          {conversation.assigned_to && (
            <Badge size="sm" variant="default" tt="none" fw={500} maw={140} leftSection={<IconUser size={12} />}>
              {conversation.assigned_to.name}
            </Badge>
          )}
        </Group>
      </Stack>
    </UnstyledButton>
  );
}

export function ControlBadge({ control }: { control: Conversation["control"] }) {
  const { t } = useTranslation();
  const color = { bot: "gray", waiting: "red", human: "brand" }[control];
  return (
    <Badge size="sm" variant="light" color={color} tt="none" fw={500} data-control={control}>
      {t(`control.${control}`)}
    </Badge>
  );
}

export function ClosedBadge() {
  const { t } = useTranslation();
  return (
    <Badge size="sm" variant="light" color="gray" tt="none" fw={500} data-closed>
      {t("inbox.is-closed")}
    </Badge>
  );
}

function Filters({ state }: { state: InboxState }) {
  const { t } = useTranslation();
  const agents = useAgents();
  const [text, setText] = useState(state.filter.q ?? "");
  const search = useDebouncedCallback((value: string) => state.change({ q: value.trim() }, true), TYPING_MS);
  return (
    <Stack gap="xs" role="search" className={classes.search}>
      <TextInput
        aria-label={t("inbox.search")}
        placeholder={t("inbox.search")}
        leftSection={<IconSearch size={16} />}
        maxLength={200}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          search(event.currentTarget.value);
        }}
      />
      <Group gap="xs" grow wrap="nowrap">
        <Select
          size="xs"
          aria-label={t("inbox.state")}
          placeholder={t("inbox.any-state")}
          clearable
          clearButtonProps={{ "aria-label": t("inbox.any-state") }}
          data={[
            ...(["waiting", "human", "bot"] as const).map((value) => ({ value, label: t(`control.${value}`) })),
            { value: UNANSWERED, label: t("inbox.unanswered") },
            { value: MINE, label: t("inbox.mine") },
            { value: CLOSED, label: t("inbox.closed") },
          ]}
          value={
            state.filter.closed === "true"
              ? CLOSED
              : state.filter.unanswered
                ? UNANSWERED
                : state.filter.assigned_to
                  ? MINE
                  : (state.filter.control ?? null)
          }
          onChange={(control) => state.change({ control }, true)}
        />
        <Select
          size="xs"
          aria-label={t("inbox.channel")}
          placeholder={t("inbox.any-channel")}
          clearable
          clearButtonProps={{ "aria-label": t("inbox.any-channel") }}
          data={CHANNELS.map((value) => ({ value, label: t(`channel.${value}`) }))}
          value={state.filter.channel ?? null}
          onChange={(channel) => state.change({ channel }, true)}
        />
      </Group>
      <Select
        size="xs"
        aria-label={t("chat.agent")}
        placeholder={t("dashboard.any-agent")}
        clearable
        clearButtonProps={{ "aria-label": t("dashboard.any-agent") }}
        data={(agents.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        value={state.filter.agent_id ?? null}
        onChange={(agent) => state.change({ agent }, true)}
      />
    </Stack>
  );
}
