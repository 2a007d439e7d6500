import { Button, Group } from "@mantine/core";
import IconList from "@tabler/icons-react/icons/IconListDetails";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useScripts } from "../../api/scripts";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { PickAgent } from "../../parts/PickAgent";
import { Empty, Failed, Loading } from "../../parts/states";
import { Editing } from "./Editing";
import { Files } from "./Files";
import { Filters } from "./Filters";
import { ScriptRow } from "./ScriptRow";
import { useScriptsState } from "./state";
import { TryPhrase } from "./TryPhrase";

export function ScriptsPage() {
  const { t } = useTranslation();
  const { agentId = "" } = useParams();
  const state = useScriptsState();
  const list = useScripts(agentId, state.filter);
  const mayEdit = useMay("admin");
  useTitle(t("page.scripts"));
  const scripts = list.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.keys(state.filter).length > 0;
  return (
    <Page>
      <PageHead title={t("page.scripts")} text={t("scripts.text")}>
        <PickAgent agentId={agentId} page="scripts" />
        {mayEdit && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => state.open("new")}>
            {t("scripts.create")}
          </Button>
        )}
        <Files agentId={agentId} mayEdit={mayEdit} />
      </PageHead>
      <TryPhrase agentId={agentId} />
      <Filters state={state} />
      {list.isPending && <Loading />}
      {list.isError && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && scripts.length === 0 && (
        <Empty
          icon={<IconList />}
          title={t(filtered ? "scripts.none-found" : "scripts.empty")}
          text={t(filtered ? "scripts.none-found-text" : "scripts.empty-text")}
        />
      )}
      <div>
        {scripts.map((script) => (
          <ScriptRow
            key={script.id}
            agentId={agentId}
            script={script}
            mayEdit={mayEdit}
            onOpen={() => state.open(script.id)}
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
      <Editing
        agentId={agentId}
        opened={state.opened}
        phrase={state.phrase}
        onClose={() => state.open(undefined)}
        mayEdit={mayEdit}
      />
    </Page>
  );
}
