import { Alert, Button, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, said } from "../../api/client";
import { asApiError } from "../../api/problem";
import type { Session } from "../../api/types";
import { ProblemText, problemTitle } from "../../app/toasts";

interface Props {
  token: string;
  onEntered: (session: Session) => void;
  onPassword: () => void;
}

/** A link works once: it is spent by a press of the button, not by a program that looks at addresses. */
export function EnterByLink({ token, onEntered, onPassword }: Props) {
  const { t } = useTranslation();
  const entering = useMutation({
    mutationFn: () => said(api.POST("/api/session/link", { body: { token } })),
    onSuccess: onEntered,
    meta: { told: true },
  });
  const error = entering.error && asApiError(entering.error);
  const spent = error && error.status >= 400 && error.status < 500 && error.status !== 429;
  return (
    <Stack>
      <Title order={2} size="h3">
        {t("link.heading")}
      </Title>
      {error ? (
        <Alert color="red" variant="light" role="alert" title={spent ? t("link.spent") : problemTitle(error)}>
          {spent ? t("link.spent-hint") : <ProblemText error={error} />}
        </Alert>
      ) : (
        <Text c="dimmed">{t("link.text")}</Text>
      )}
      {!spent && (
        <Button fullWidth autoFocus loading={entering.isPending} onClick={() => entering.mutate()}>
          {t("link.enter")}
        </Button>
      )}
      <Button fullWidth variant="subtle" onClick={onPassword}>
        {t("link.password")}
      </Button>
    </Stack>
  );
}
