import { Alert, Anchor, Button, Group, Stack } from "@mantine/core";
import IconBook from "@tabler/icons-react/icons/IconBook";
import IconInfo from "@tabler/icons-react/icons/IconInfoCircle";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { useAgent } from "../../api/agents";
import { useBases, useDocuments } from "../../api/knowledge";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { Empty, Failed, Loading } from "../../parts/states";
import { Publish } from "../agents/Publish";
import { DocumentDrawer } from "./DocumentDrawer";
import { DocumentRow } from "./DocumentRow";
import { TrySearch } from "./TrySearch";

/** The opened document is in the address. */
export function KnowledgePage() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const { agentId = "" } = useParams();
  const agent = useAgent(agentId);
  const list = useDocuments(agentId);
  const mayEdit = useMay("admin");
  const [query, setQuery] = useSearchParams();
  const open = (id: string | undefined) => setQuery(id ? { document: id } : {});
  useTitle(t("page.knowledge"));
  const documents = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page>
      <Stack gap="xs">
        <Anchor component={Link} to={`/manage/${tenant.id}/ai-agents/${agentId}`} size="sm">
          ← {agent.data?.name ?? t("page.agents")}
        </Anchor>
        <PageHead title={t("page.knowledge")} text={t("knowledge.text")}>
          {mayEdit && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => open("new")}>
              {t("knowledge.add")}
            </Button>
          )}
        </PageHead>
      </Stack>
      <NotYetUsed agentId={agentId} mayEdit={mayEdit} />
      {documents.length > 0 && <TrySearch agentId={agentId} />}
      {list.isPending && <Loading />}
      {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && documents.length === 0 && (
        <Empty icon={<IconBook />} title={t("knowledge.empty")} text={t("knowledge.empty-text")} />
      )}
      <div>
        {documents.map((document) => (
          <DocumentRow
            key={document.id}
            agentId={agentId}
            document={document}
            mayEdit={mayEdit}
            onOpen={() => open(document.id)}
          />
        ))}
      </div>
      {list.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t("app.more")}
          </Button>
        </Group>
      )}
      <DocumentDrawer
        agentId={agentId}
        opened={query.get("document") ?? undefined}
        mayEdit={mayEdit}
        onClose={() => open(undefined)}
      />
    </Page>
  );
}

/** The first document counts after the next publication only; who can publish does it here. */
function NotYetUsed({ agentId, mayEdit }: { agentId: string; mayEdit: boolean }) {
  const { t } = useTranslation();
  const agent = useAgent(agentId);
  const bases = useBases(agentId);
  if (!agent.data || !bases.data?.bases.some((base) => !base.published && base.documents > 0)) return null;
  return (
    <Alert variant="light" icon={<IconInfo />} title={t("knowledge.unpublished")}>
      <Stack gap="xs" align="flex-start">
        {t("knowledge.unpublished-text")}
        {mayEdit && <Publish agent={agent.data} />}
      </Stack>
    </Alert>
  );
}
