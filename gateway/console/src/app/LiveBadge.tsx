import { Group, Text, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useLiveState } from "../api/live";
import classes from "./LiveBadge.module.css";

export function LiveBadge() {
  const { t } = useTranslation();
  const state = useLiveState();
  return (
    <Tooltip label={t(`live.hint.${state}`)} position="top-start" multiline maw={260}>
      <Group gap={8} px={8} role="status" className={classes.badge} data-live={state}>
        <span className={classes.dot} aria-hidden />
        <Text size="xs" c="dimmed">
          {t(`live.${state}`)}
        </Text>
      </Group>
    </Tooltip>
  );
}
