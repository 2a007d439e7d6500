import { Alert, Group, PasswordInput, Stack, Text } from "@mantine/core";
import { type FormEvent, type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "../../api/problem";
import { ProblemText, problemTitle } from "../../app/toasts";

interface FormProps {
  send: () => void;
  error: Error | null;
  /** Where the words for a reason are, if not those for connecting an account are meant. */
  words?: (code: string) => string;
  button: ReactNode;
  children: ReactNode;
}

export function Form({ send, error, words = ofAccount, button, children }: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {children}
        {error !== null && <Refused error={error} words={words} />}
        <Group justify="flex-end">{button}</Group>
      </Stack>
    </form>
  );
}

function ofAccount(code: string): string {
  return `kommo.refused.${code}`;
}

/** Why an account, or its channel, was not connected, and what to do. */
function Refused({ error, words }: { error: unknown; words: (code: string) => string }) {
  const { t, i18n } = useTranslation();
  const refused = asApiError(error);
  const code = refused.problem?.errors?.[0]?.code ?? "";
  const reason = [words(code), ofAccount(code)].find((known) => i18n.exists(`${known}.title`));
  return (
    <Alert color="red" variant="light" role="alert" title={reason ? t(`${reason}.title`) : problemTitle(refused)}>
      {reason ? <Text size="sm">{t(`${reason}.do`)}</Text> : <ProblemText error={refused} />}
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

export function Secret({ change, description, error, ...props }: SecretProps) {
  const { t } = useTranslation();
  const id = useId();
  const about = [description && `${id}-description`, error && `${id}-error`].filter(Boolean).join(" ");
  // The library says to screen readers of every input but this one what is written about it.
  return (
    <PasswordInput
      {...props}
      id={id}
      description={description}
      error={error}
      aria-invalid={error ? true : undefined}
      aria-describedby={about || undefined}
      maxLength={4096}
      autoComplete="off"
      visibilityToggleButtonProps={{ "aria-label": t("kommo.show") }}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}
