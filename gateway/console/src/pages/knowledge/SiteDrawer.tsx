import { Button, Drawer, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useDocuments } from "../../api/knowledge";
import { Failed, Loading } from "../../parts/states";
import { DocumentRow } from "./DocumentRow";

interface Props {
  agentId: string;
  siteId: string;
  mayEdit: boolean;
  onOpen: (documentId: string) => void;
  onClose: () => void;
}

/** The pages of a site. */
export function SiteDrawer({ agentId, siteId, mayEdit, onOpen, onClose }: Props) {
  const { t } = useTranslation();
  const list = useDocuments(agentId, siteId);
  const pages = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="lg"
      title={t("knowledge.site-pages")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {list.isPending && <Loading />}
      {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && pages.length === 0 && <Text c="dimmed">{t("knowledge.no-pages")}</Text>}
      <div>
        {pages.map((document) => (
          <DocumentRow
            key={document.id}
            agentId={agentId}
            document={document}
            mayEdit={mayEdit}
            onOpen={() => onOpen(document.id)}
          />
        ))}
      </div>
      {list.hasNextPage && (
        <Button mt="md" variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t("app.more")}
        </Button>
      )}
    </Drawer>
  );
}
