import { Alert, Anchor, Button, Group, Stack, Text } from "@mantine/core";
import IconBook from "@tabler/icons-react/icons/IconBook";
import IconInfo from "@tabler/icons-react/icons/IconInfoCircle";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { useAgent } from "../../api/agents";
import { useBases, useDocuments, useSites } from "../../api/knowledge";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { PickAgent } from "../../parts/PickAgent";
import { Empty, Failed, Loading } from "../../parts/states";
import { Publish } from "../agents/Publish";
import { AddMenu } from "./AddMenu";
import { DocumentDrawer } from "./DocumentDrawer";
import { DocumentRow } from "./DocumentRow";
import { DropArea } from "./DropArea";
import { Questions } from "./Questions";
import { SiteDrawer } from "./SiteDrawer";
import { SiteRow } from "./SiteRow";
import { TrySearch } from "./TrySearch";
import { useFiles } from "./useFiles";

/** The opened document or site is in the address. */
export function KnowledgePage() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const { agentId = "" } = useParams();
  const agent = useAgent(agentId);
  const list = useDocuments(agentId);
  const sites = useSites(agentId);
  const files = useFiles(agentId);
  const mayEdit = useMay("admin");
  const [query, setQuery] = useSearchParams();
  const open = (id: string | undefined) => setQuery(id ? { document: id } : {});
  const siteId = query.get("site");
  useTitle(t("page.knowledge"));
  const documents = list.data?.pages.flatMap((page) => page.items) ?? [];
  const nothing = list.data && sites.data && documents.length + sites.data.length === 0;
  return (
    <Page>
      <DropArea disabled={!mayEdit} onFiles={(dropped) => void files.send(dropped)}>
        <Stack gap="xs">
          <Anchor component={Link} to={`/manage/${tenant.id}/ai-agents/${agentId}`} size="sm">
            ← {agent.data?.name ?? t("page.agents")}
          </Anchor>
          <PageHead title={t("page.knowledge")} text={t("knowledge.text")}>
            <PickAgent agentId={agentId} page="knowledge" />
            {mayEdit && (
              <AddMenu agentId={agentId} onText={() => open("new")} onFiles={(chosen) => void files.send(chosen)} />
            )}
          </PageHead>
        </Stack>
        <NotYetUsed agentId={agentId} mayEdit={mayEdit} />
        {!nothing && <TrySearch agentId={agentId} />}
        <Questions agentId={agentId} mayEdit={mayEdit} />
        {files.uploading && (
          <Text size="sm" role="status" mb="sm" className="wraps">
            {t("knowledge.uploading", { name: files.uploading })}
          </Text>
        )}
        {list.isPending && <Loading />}
        {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
        {sites.isError && <Failed error={sites.error} again={() => void sites.refetch()} />}
        {nothing && <Empty icon={<IconBook />} title={t("knowledge.empty")} text={t("knowledge.empty-text")} />}
        <div>
          {sites.data?.map((site) => (
            <SiteRow
              key={site.id}
              agentId={agentId}
              site={site}
              mayEdit={mayEdit}
              onOpen={() => setQuery({ site: site.id })}
            />
          ))}
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
        {siteId && (
          <SiteDrawer
            agentId={agentId}
            siteId={siteId}
            mayEdit={mayEdit}
            onOpen={open}
            onClose={() => open(undefined)}
          />
        )}
        <DocumentDrawer
          agentId={agentId}
          opened={query.get("document") ?? undefined}
          mayEdit={mayEdit}
          onClose={() => open(undefined)}
        />
      </DropArea>
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
