import { Alert, Button, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useChangePassword } from "../../api/people";
import { asApiError } from "../../api/problem";
import type { Session } from "../../api/types";
import { ProblemText, problemTitle } from "../../app/toasts";

const SHORTEST = 10;

interface Props {
  session: Session;
  onSet: (session: Session) => void;
  /** They are in already, and change what they have. */
  change?: boolean;
}

export function PasswordForm({ session, onSet, change = false }: Props) {
  const { t } = useTranslation();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const setting = useChangePassword();
  const short = password.length < SHORTEST;
  const differs = password !== again;
  const error = setting.error && asApiError(setting.error);
  const wrong = error?.problem?.errors?.some(({ pointer }) => pointer === "/current");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (short || differs) return;
        const done = (changed: Session) => {
          for (const empty of [setCurrent, setPassword, setAgain]) empty("");
          setTried(false);
          onSet(changed);
        };
        setting.mutate({ new: password, ...(current ? { current } : {}) }, { onSuccess: done });
      }}
    >
      <Stack>
        <Title order={2} size={change ? "h4" : "h3"}>
          {t(change ? "password.change" : "password.heading")}
        </Title>
        <Text c="dimmed" size="sm">
          {t("password.text", { email: session.user.email })}
        </Text>
        {error && (
          <Alert
            color="red"
            variant="light"
            role="alert"
            title={error.status === 422 ? t(wrong ? "password.wrong" : "password.refused") : problemTitle(error)}
          >
            {error.status === 422 ? t(wrong ? "password.wrong-text" : "password.rules") : <ProblemText error={error} />}
          </Alert>
        )}
        <input type="hidden" name="email" autoComplete="username" value={session.user.email} />
        {change && session.current_needed && (
          <PasswordInput
            label={t("password.current")}
            autoComplete="current-password"
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": t("login.show-password") }}
          />
        )}
        <PasswordInput
          label={t("password.new")}
          description={t("password.hint", { count: SHORTEST })}
          autoComplete="new-password"
          autoFocus={!change}
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
          {t(change ? "app.save" : "password.set")}
        </Button>
      </Stack>
    </form>
  );
}
