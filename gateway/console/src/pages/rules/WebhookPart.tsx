import { Button, Code, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useRotateRuleHook, useRuleHook } from "../../api/rules";
import { showDone } from "../../app/toasts";
import { CopyButton } from "../../parts/CopyButton";
import { Failed, Loading } from "../../parts/states";

interface Props {
  agentId: string;
  ruleKey: string | undefined;
  mayEdit: boolean;
}

/** Where a system of the company's own wakes the rule, as a line to copy. */
export function WebhookPart({ agentId, ruleKey, mayEdit }: Props) {
  const { t } = useTranslation();
  if (!mayEdit) return <Note text={t("rules.hook-admins")} />;
  if (!ruleKey) return <Note text={t("rules.hook-unsaved")} />;
  return <Address agentId={agentId} ruleKey={ruleKey} hint={t("rules.hook-hint", { example: "{hook.order.id}" })} />;
}

function Address({ agentId, ruleKey, hint }: { agentId: string; ruleKey: string; hint: string }) {
  const { t } = useTranslation();
  const hook = useRuleHook(agentId);
  const rotate = useRotateRuleHook(agentId);
  const [sure, setSure] = useState(false);
  if (hook.isPending) return <Loading />;
  if (hook.isError) return <Failed error={hook.error} again={() => void hook.refetch()} />;
  const line = curl(hook.data.url.replace("{rule}", ruleKey));
  return (
    <Stack gap="xs">
      <Text size="sm">{t("rules.hook-line")}</Text>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <Code block className="wraps" flex={1}>
          {line}
        </Code>
        <CopyButton value={line} />
      </Group>
      <Note text={hint} />
      <Group gap="xs">
        <Button
          variant="default"
          size="compact-sm"
          color={sure ? "red" : undefined}
          loading={rotate.isPending}
          onClick={() => {
            if (!sure) return setSure(true);
            rotate.mutate(undefined, { onSuccess: () => showDone(t("rules.hook-rotated")) });
            setSure(false);
          }}
        >
          {t(sure ? "rules.hook-sure" : "rules.hook-rotate")}
        </Button>
        {sure && <Note text={t("rules.hook-rotate-text")} />}
      </Group>
    </Stack>
  );
}

function Note({ text }: { text: string }) {
  return (
    <Text size="sm" c="dimmed">
      {text}
    </Text>
  );
}

function curl(url: string): string {
  return `curl -X POST '${url}' -H 'Content-Type: application/json' -H 'Idempotency-Key: order-7' -d '{"order": {"id": 7}}'`;
}
