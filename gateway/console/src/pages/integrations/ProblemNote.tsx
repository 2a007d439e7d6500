import { Alert, Stack, Text } from "@mantine/core";
import IconAlertTriangle from "@tabler/icons-react/icons/IconAlertTriangle";
import { useTranslation } from "react-i18next";
import { asApiError } from "../../api/problem";
import type { IntegrationProblem } from "../../api/types";
import { ProblemText, problemTitle } from "../../app/toasts";

/** What is wrong with a bot, and what to do. A word of a newer server is shown in the server's own words. */
export function ProblemNote({ problem, serious }: { problem: IntegrationProblem; serious: boolean }) {
  const { t } = useTranslation();
  return (
    <Alert
      color={serious ? "red" : "yellow"}
      variant="light"
      icon={<IconAlertTriangle />}
      title={t(`integrations.problem.${problem.code}.title`, { defaultValue: problem.title })}
    >
      <Stack gap={4}>
        <Text size="sm">{t(`integrations.problem.${problem.code}.do`, { defaultValue: problem.what_to_do })}</Text>
        {problem.detail && (
          <Text size="xs" c="dimmed" className="wraps">
            {t("integrations.said", { words: problem.detail })}
          </Text>
        )}
      </Stack>
    </Alert>
  );
}

/** Why a token was not taken. */
export function RefusedNote({ error }: { error: unknown }) {
  const { i18n } = useTranslation();
  const refused = asApiError(error);
  const code = refused.problem?.errors?.[0]?.code;
  return code && i18n.exists(`integrations.problem.${code}.title`) ? (
    <ProblemNote problem={{ code, title: "", what_to_do: "", detail: "" }} serious />
  ) : (
    <Alert color="red" variant="light" role="alert" title={problemTitle(refused)}>
      <ProblemText error={refused} />
    </Alert>
  );
}
