import { Button } from "@mantine/core";
import IconSequences from "@tabler/icons-react/icons/IconMessage2Share";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useSequences } from "../../api/sequences";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { EditDrawer } from "../../parts/EditDrawer";
import { Page, PageHead } from "../../parts/PageHead";
import { PickAgent } from "../../parts/PickAgent";
import { Empty, Failed, Loading } from "../../parts/states";
import { Runs } from "./Runs";
import { SequenceForm } from "./SequenceForm";
import { SequenceRow } from "./SequenceRow";

export function SequencesPage() {
  const { t } = useTranslation();
  const { agentId = "" } = useParams();
  const [query, setQuery] = useSearchParams();
  const sequences = useSequences(agentId);
  const mayEdit = useMay("admin");
  useTitle(t("page.sequences"));
  const open = (id: string | undefined) => setQuery(id ? { sequence: id } : {});
  const all = sequences.data ?? [];
  const opened = query.get("sequence") ?? undefined;
  const known = all.find(({ id }) => id === opened);
  const form = { agentId, mayEdit, onDone: () => open(undefined) };
  return (
    <Page>
      <PageHead title={t("page.sequences")} text={t("sequences.text")}>
        <PickAgent agentId={agentId} page="sequences" />
        {mayEdit && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => open("new")}>
            {t("sequences.create")}
          </Button>
        )}
      </PageHead>
      {sequences.isPending && <Loading />}
      {sequences.isError && <Failed error={sequences.error} again={() => void sequences.refetch()} />}
      {sequences.data && all.length === 0 && (
        <Empty icon={<IconSequences />} title={t("sequences.empty")} text={t("sequences.empty-text")} />
      )}
      <div>
        {all.map((sequence) => (
          <SequenceRow
            key={sequence.id}
            agentId={agentId}
            sequence={sequence}
            mayEdit={mayEdit}
            onOpen={() => open(sequence.id)}
          />
        ))}
      </div>
      <EditDrawer
        title={t(opened === "new" ? "sequences.create" : "sequences.edit")}
        opened={opened === "new" || known !== undefined}
        onClose={form.onDone}
        tabs={
          known && [
            {
              name: "plan",
              label: t("sequences.tab-plan"),
              content: <SequenceForm key={known.version} {...form} known={known} />,
            },
            { name: "runs", label: t("sequences.tab-runs"), content: <Runs agentId={agentId} sequence={known} /> },
          ]
        }
      >
        {opened === "new" && <SequenceForm {...form} />}
      </EditDrawer>
    </Page>
  );
}
