import { ActionIcon, Button, Group, ScrollArea, Stack, Text, Title, Tooltip, UnstyledButton } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, said } from "../../api/client";
import { useRefreshed } from "../../api/refresh";
import type { Conversation } from "../../api/types";
import classes from "../../parts/conversation/Chat.module.css";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";

const PAGE = 20;

interface Props {
  agentId: string;
  conversationId: string | undefined;
  onOpen: (conversation: Conversation) => void;
  onNew: () => void;
  /** The drawer around it has the title. */
  titled?: boolean;
}

/** Test conversations with an agent, the latest first. */
export function History({ agentId, conversationId, onOpen, onNew, titled }: Props) {
  const { t } = useTranslation();
  const key = ["test-conversations", agentId];
  const list = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = {
        channel: "test" as const,
        agent_id: agentId,
        limit: PAGE,
        ...(pageParam ? { cursor: pageParam } : {}),
      };
      return said(api.GET("/api/conversations", { params: { query } }));
    },
    getNextPageParam: (last) => last.next ?? undefined,
  });
  useRefreshed("conversations", [key]);
  const conversations = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      {titled ? (
        <Button mx="md" mb="md" variant="light" leftSection={<IconPlus size={16} />} onClick={onNew}>
          {t("chat.reset")}
        </Button>
      ) : (
        <Group p="md" justify="space-between" wrap="nowrap">
          <Title order={2} size="sm">
            {t("history.title")}
          </Title>
          <Tooltip label={t("chat.reset")}>
            <ActionIcon variant="light" color="brand" onClick={onNew} aria-label={t("chat.reset")}>
              <IconPlus size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
      {list.isPending && <Loading />}
      {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && conversations.length === 0 && (
        <Text size="sm" c="dimmed" px="md">
          {t("history.empty")}
        </Text>
      )}
      <ScrollArea flex={1} viewportProps={{ tabIndex: 0, role: "group", "aria-label": t("history.title") }}>
        {conversations.map((conversation) => (
          <UnstyledButton
            key={conversation.id}
            className={classes.conversation}
            aria-current={conversation.id === conversationId || undefined}
            onClick={() => onOpen(conversation)}
          >
            <Stack gap={2}>
              <Text size="sm" lineClamp={1} className="wraps">
                {conversation.opening || t("history.untitled")}
              </Text>
              <When at={conversation.last_at} />
            </Stack>
          </UnstyledButton>
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
    </>
  );
}
