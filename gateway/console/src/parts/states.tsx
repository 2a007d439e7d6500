import { Alert, Button, Center, Loader, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import IconAlertTriangle from "@tabler/icons-react/icons/IconAlertTriangle";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "../api/problem";
import { ProblemText, problemTitle } from "../app/toasts";

export function Loading() {
  const { t } = useTranslation();
  return (
    <Center mih={160} role="status" aria-label={t("app.loading")}>
      <Loader type="dots" />
    </Center>
  );
}

interface EmptyProps {
  icon: ReactNode;
  title: string;
  text: string;
  children?: ReactNode;
}

export function Empty({ icon, title, text, children }: EmptyProps) {
  return (
    <Stack align="center" gap="sm" py="xl" px="md" ta="center">
      <ThemeIcon size={56} radius="xl" variant="light">
        {icon}
      </ThemeIcon>
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text c="dimmed" maw={420}>
        {text}
      </Text>
      {children}
    </Stack>
  );
}

/** In the place of data that could not be had. */
export function Failed({ error, again }: { error: unknown; again: () => void }) {
  const { t } = useTranslation();
  const problem = asApiError(error);
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={problemTitle(problem)} m="md">
      <Stack gap="xs" align="flex-start">
        <ProblemText error={problem} />
        <Button size="xs" variant="default" onClick={again}>
          {t("app.again")}
        </Button>
      </Stack>
    </Alert>
  );
}

/** What was refused and why, beside what was sent. */
export function Refusal({ error }: { error: unknown }) {
  const problem = asApiError(error);
  return (
    <Alert color="red" variant="light" role="alert" title={problemTitle(problem)}>
      <ProblemText error={problem} />
    </Alert>
  );
}
