import { Alert, Button, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, said } from "../../api/client";
import { asApiError } from "../../api/problem";
import type { Session } from "../../api/types";
import { ProblemText, problemTitle } from "../../app/toasts";

const SHORTEST = 10;

export function PasswordForm({ session, onSet }: { session: Session; onSet: (session: Session) => void }) {
  const { t } = useTranslation();
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const setting = useMutation({
    mutationFn: () => said(api.PUT("/api/session/password", { body: { new: password } })),
    onSuccess: onSet,
    meta: { told: true },
  });
  const short = password.length < SHORTEST;
  const differs = password !== again;
  const error = setting.error && asApiError(setting.error);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (!short && !differs) setting.mutate();
      }}
    >
      <Stack>
        <Title order={2} size="h3">
          {t("password.heading")}
        </Title>
        <Text c="dimmed" size="sm">
          {t("password.text", { email: session.user.email })}
        </Text>
        {error && (
          <Alert
            color="red"
            variant="light"
            role="alert"
            title={error.status === 422 ? t("password.refused") : problemTitle(error)}
          >
            {error.status === 422 ? t("password.rules") : <ProblemText error={error} />}
          </Alert>
        )}
        <input type="hidden" name="email" autoComplete="username" value={session.user.email} />
        <PasswordInput
          label={t("password.new")}
          description={t("password.hint", { count: SHORTEST })}
          autoComplete="new-password"
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={tried && short ? t("password.short", { count: SHORTEST }) : undefined}
          visibilityToggleButtonProps={{ "aria-label": t("login.show-password") }}
        />
        <PasswordInput
          label={t("password.again")}
          autoComplete="new-password"
          value={again}
          onChange={(event) => setAgain(event.currentTarget.value)}
          error={tried && !short && differs ? t("password.differs") : undefined}
          visibilityToggleButtonProps={{ "aria-label": t("login.show-password") }}
        />
        <Button type="submit" loading={setting.isPending} fullWidth>
          {t("password.set")}
        </Button>
      </Stack>
    </form>
  );
}
