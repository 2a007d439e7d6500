import { Badge, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import IconWorld from "@tabler/icons-react/icons/IconWorld";
import { useTranslation } from "react-i18next";
import { useDeleteSite, useRestoreSite } from "../../api/knowledge";
import type { Site } from "../../api/types";
import { offerUndo } from "../../app/toasts";
import { When } from "../../parts/When";
import classes from "../scripts/Scripts.module.css";
import { HowFar, Problem } from "./Reading";
import { RowActions } from "./RowActions";

interface Props {
  agentId: string;
  site: Site;
  mayEdit: boolean;
  onOpen: () => void;
}

export function SiteRow({ agentId, site, mayEdit, onOpen }: Props) {
  const { t } = useTranslation();
  const { mutate: restore } = useRestoreSite(agentId);
  const { mutate: remove } = useDeleteSite(agentId);
  const deleted = () =>
    offerUndo(`deleted-${site.id}`, t("knowledge.deleted", { name: site.address }), () => restore(site));
  return (
    <div className={classes.row}>
      <Stack gap={4} flex={1} miw={0}>
        <UnstyledButton className={classes.open} onClick={onOpen}>
          <Group gap="xs">
            <IconWorld size={16} aria-hidden />
            <Text fw={600} className="wraps">
              {site.address}
            </Text>
            {site.state === "failed" && (
              <Badge variant="default" tt="none" fw={500} c="var(--mantine-color-error)">
                {t("knowledge.failed")}
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed" component="span">
            {t("knowledge.pages", { count: site.pages })}
            {site.read_at && (
              <>
                {" · "}
                {t("knowledge.was-read")} <When at={site.read_at} />
              </>
            )}
          </Text>
        </UnstyledButton>
        <HowFar of={site} kind="site" />
        <Problem problem={site.problem} kept={site.pages > 0} />
      </Stack>
      {mayEdit && (
        <RowActions
          agentId={agentId}
          name={site.address}
          of={{ site }}
          onDelete={() => remove(site, { onSuccess: deleted })}
        />
      )}
    </div>
  );
}
