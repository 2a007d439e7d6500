import { Drawer, Stack, Tabs } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useDocument } from "../../api/knowledge";
import { Failed, Loading } from "../../parts/states";
import { Chunks } from "./Chunks";
import { DocumentForm } from "./DocumentForm";
import { HowFar, Origin, Problem } from "./Reading";

interface Props {
  agentId: string;
  opened: string | undefined;
  mayEdit: boolean;
  onClose: () => void;
}

export function DocumentDrawer({ agentId, opened, mayEdit, onClose }: Props) {
  const { t } = useTranslation();
  const known = useDocument(agentId, opened === "new" ? undefined : opened);
  return (
    <Drawer
      opened={opened !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={opened === "new" ? t("knowledge.add-text") : (known.data?.title ?? t("knowledge.document"))}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {opened === "new" && <DocumentForm agentId={agentId} mayEdit={mayEdit} onDone={onClose} />}
      {opened !== "new" && known.isError && <Failed error={known.error} again={() => void known.refetch()} />}
      {opened !== undefined && opened !== "new" && known.isPending && <Loading />}
      {opened !== "new" && known.data && known.data.origin !== "typed" && (
        <Stack gap="xs" mb="md">
          <Origin agentId={agentId} document={known.data} />
          <HowFar of={known.data} kind="pages" />
          <Problem problem={known.data.problem} kept={known.data.chunks > 0} />
        </Stack>
      )}
      {opened !== "new" && known.data && (
        <Tabs defaultValue="parts" keepMounted={false}>
          <Tabs.List mb="md">
            <Tabs.Tab value="parts">{t("knowledge.cut")}</Tabs.Tab>
            <Tabs.Tab value="text">{t("knowledge.whole")}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="parts">
            <Chunks agentId={agentId} documentId={known.data.id} />
          </Tabs.Panel>
          <Tabs.Panel value="text">
            <DocumentForm
              key={known.data.version}
              agentId={agentId}
              known={known.data}
              mayEdit={mayEdit && known.data.origin === "typed"}
              onDone={onClose}
            />
          </Tabs.Panel>
        </Tabs>
      )}
    </Drawer>
  );
}
