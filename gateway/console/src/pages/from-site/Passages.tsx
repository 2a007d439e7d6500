import { Button, Card, Drawer, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useDocuments } from "../../api/knowledge";
import { Failed, Loading } from "../../parts/states";
import { Chunks } from "../knowledge/Chunks";
import { DocumentRow } from "../knowledge/DocumentRow";
import { TrySearch } from "../knowledge/TrySearch";

interface Props {
  agentId: string;
  siteId: string;
  mayEdit: boolean;
}

/** The pages that were read, each with its passages; one that is deleted here is not answered from. */
export function Passages({ agentId, siteId, mayEdit }: Props) {
  const { t } = useTranslation();
  const [shownId, setShownId] = useState<string>();
  const list = useDocuments(agentId, siteId);
  const pages = list.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = pages.find(({ id }) => id === shownId);
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("from-site.passages")}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("from-site.passages")}
        </Title>
        <Text c="dimmed">{t("from-site.passages-text")}</Text>
        <TrySearch agentId={agentId} />
        {list.isPending && <Loading />}
        {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
        {list.data && pages.length === 0 && <Text>{t("knowledge.no-pages")}</Text>}
        <div>
          {pages.map((document) => (
            <DocumentRow
              key={document.id}
              agentId={agentId}
              document={document}
              mayEdit={mayEdit}
              onOpen={() => setShownId(document.id)}
            />
          ))}
        </div>
        {list.hasNextPage && (
          <Button
            w="fit-content"
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t("app.more")}
          </Button>
        )}
      </Stack>
      <Drawer
        opened={shown !== undefined}
        onClose={() => setShownId(undefined)}
        position="right"
        size="lg"
        title={shown?.title}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        {shown && <Chunks agentId={agentId} documentId={shown.id} />}
      </Drawer>
    </Card>
  );
}
