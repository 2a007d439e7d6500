import { Alert, Group, PasswordInput, Stack, Text } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "../../api/problem";
import { ProblemText, problemTitle } from "../../app/toasts";

interface FormProps {
  send: () => void;
  error: Error | null;
  button: ReactNode;
  children: ReactNode;
}

export function Form({ send, error, button, children }: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {children}
        {error !== null && <Refused error={error} />}
        <Group justify="flex-end">{button}</Group>
      </Stack>
    </form>
  );
}

/** Why an account was not connected, and what to do. */
function Refused({ error }: { error: unknown }) {
  const { t, i18n } = useTranslation();
  const refused = asApiError(error);
  const code = refused.problem?.errors?.[0]?.code;
  const reason = code && i18n.exists(`kommo.refused.${code}.title`) ? code : undefined;
  return (
    <Alert
      color="red"
      variant="light"
      role="alert"
      title={reason ? t(`kommo.refused.${reason}.title`) : problemTitle(refused)}
    >
      {reason ? <Text size="sm">{t(`kommo.refused.${reason}.do`)}</Text> : <ProblemText error={refused} />}
    </Alert>
  );
}

interface SecretProps {
  label: string;
  description?: string | undefined;
  error?: string | undefined;
  value: string;
  change: (value: string) => void;
}

export function Secret({ change, ...props }: SecretProps) {
  const { t } = useTranslation();
  return (
    <PasswordInput
      {...props}
      maxLength={4096}
      autoComplete="off"
      visibilityToggleButtonProps={{ "aria-label": t("kommo.show") }}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}
