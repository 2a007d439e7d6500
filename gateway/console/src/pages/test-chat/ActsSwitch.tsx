import { Switch, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useActs, useSetActs } from "../../api/rules";
import { useMay } from "../../app/session";
import classes from "../../parts/conversation/Chat.module.css";

/** Whether what rules ask of systems outside really happens in this conversation. */
export function ActsSwitch({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  const acts = useActs(conversationId);
  const set = useSetActs();
  const may = useMay("operator");
  if (!acts.data) return null;
  return (
    <Tooltip label={t("chat.acts-hint")} multiline w={280}>
      <Switch
        className={classes.acts}
        label={t("chat.acts")}
        checked={acts.data.acts}
        disabled={!may || set.isPending}
        onChange={(event) => set.mutate({ conversationId, acts: event.currentTarget.checked })}
      />
    </Tooltip>
  );
}
