import { Badge, Button, Card, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useChunks } from "../../api/knowledge";
import { Failed, Loading } from "../../parts/states";

/** What can be found: each part is shown to the model, or given to a customer, as it stands here. */
export function Chunks({ agentId, documentId }: { agentId: string; documentId: string }) {
  const { t } = useTranslation();
  const list = useChunks(agentId, documentId);
  if (list.isPending) return <Loading />;
  if (list.isError) return <Failed error={list.error} again={() => void list.refetch()} />;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("knowledge.cut-text")}
      </Text>
      {list.data.pages
        .flatMap((page) => page.items)
        .map((chunk) => (
          <Card key={chunk.id} withBorder padding="sm" bg="transparent">
            {chunk.heading && (
              <Text size="sm" fw={600} className="wraps">
                {chunk.heading}
              </Text>
            )}
            <Place page={chunk.page} row={chunk.row} />
            <Text size="sm" className="wraps" style={{ whiteSpace: "pre-line" }}>
              {chunk.text}
            </Text>
            {!chunk.embedded && (
              <Badge variant="default" tt="none" fw={500} mt={6}>
                {t("knowledge.by-words-only")}
              </Badge>
            )}
          </Card>
        ))}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t("app.more")}
        </Button>
      )}
    </Stack>
  );
}

function Place({ page, row }: { page: number | null; row: number | null }) {
  const { t } = useTranslation();
  if (page === null && row === null) return null;
  return (
    <Text size="xs" c="dimmed">
      {page === null ? t("knowledge.place.row", { number: row }) : t("knowledge.place.page", { number: page })}
    </Text>
  );
}
