import { Drawer } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useScript } from "../../api/scripts";
import { Failed, Loading } from "../../parts/states";
import { ScriptForm } from "./ScriptForm";

interface Props {
  agentId: string;
  opened: string | undefined;
  /** Of a new one, to begin with. */
  phrase: string | undefined;
  mayEdit: boolean;
  onClose: () => void;
}

export function Editing({ agentId, opened, phrase, mayEdit, onClose }: Props) {
  const { t } = useTranslation();
  const known = useScript(agentId, opened === "new" ? undefined : opened);
  return (
    <Drawer
      opened={opened !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={t(opened === "new" ? "scripts.create" : "scripts.edit")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {opened === "new" && <ScriptForm agentId={agentId} phrase={phrase} mayEdit={mayEdit} onDone={onClose} />}
      {opened !== "new" && known.isError && <Failed error={known.error} again={() => void known.refetch()} />}
      {opened !== undefined && opened !== "new" && known.isPending && <Loading />}
      {opened !== "new" && known.data && (
        <ScriptForm key={known.data.version} agentId={agentId} known={known.data} mayEdit={mayEdit} onDone={onClose} />
      )}
    </Drawer>
  );
}
