import { Alert, Button, PasswordInput, Stack, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, said } from "../../api/client";
import { type ApiError, asApiError } from "../../api/problem";
import type { Session } from "../../api/types";
import { ProblemText, problemTitle } from "../../app/toasts";

export function LoginForm({ onEntered }: { onEntered: (session: Session) => void }) {
  const { t } = useTranslation();
  const login = useMutation({
    mutationFn: (body: { email: string; password: string }) => said(api.POST("/api/session", { body })),
    onSuccess: onEntered,
    meta: { told: true },
  });
  const send = (form: FormData) =>
    login.mutate({ email: String(form.get("email")), password: String(form.get("password")) });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send(new FormData(event.currentTarget));
      }}
    >
      <Stack>
        <Title order={2} size="h3">
          {t("login.heading")}
        </Title>
        {login.error && <LoginProblem error={asApiError(login.error)} />}
        <TextInput
          name="email"
          type="email"
          label={t("login.email")}
          autoComplete="username"
          required
          autoFocus
          withAsterisk={false}
        />
        <PasswordInput
          name="password"
          label={t("login.password")}
          autoComplete="current-password"
          required
          withAsterisk={false}
          visibilityToggleButtonProps={{ "aria-label": t("login.show-password") }}
        />
        <Button type="submit" loading={login.isPending} fullWidth>
          {t("login.enter")}
        </Button>
      </Stack>
    </form>
  );
}

export function LoginProblem({ error }: { error: ApiError }) {
  const { t } = useTranslation();
  // Which of the two is wrong is nobody's business.
  const wrong = error.status === 401;
  return (
    <Alert color="red" variant="light" role="alert" title={wrong ? t("login.wrong") : problemTitle(error)}>
      {!wrong && <ProblemText error={error} />}
    </Alert>
  );
}
