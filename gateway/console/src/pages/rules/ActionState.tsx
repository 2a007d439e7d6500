import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useRetryAction } from "../../api/rules";
import type { Action } from "../../api/types";
import { useMay } from "../../app/session";

/** What was asked of a system outside, and what became of it. */
export function ActionState({ action }: { action: Action }) {
  const { t } = useTranslation();
  const again = useRetryAction();
  const about = [action.params.url, action.params.name, action.params.text].find(
    (told) => typeof told === "string" && told,
  );
  const mayRetry = useMay("operator") && (action.state === "failed" || action.state === "unknown");
  return (
    <Stack gap={4} mt={4}>
      <Group gap="xs">
        <Text size="sm" className="wraps">
          {t(`rules.kind.${action.kind.replace(/[._]/g, "-")}`, { defaultValue: action.kind })}
          {about ? `: ${String(about)}` : ""}
        </Text>
        <Badge tt="none" fw={500} variant="default">
          {t(`rules.state.${action.state}`)}
        </Badge>
        {mayRetry && (
          <Button size="compact-xs" variant="default" loading={again.isPending} onClick={() => again.mutate(action.id)}>
            {t("app.again")}
          </Button>
        )}
      </Group>
      {action.error && (
        <Text size="sm" c="dimmed" className="wraps">
          {action.error}
        </Text>
      )}
    </Stack>
  );
}
