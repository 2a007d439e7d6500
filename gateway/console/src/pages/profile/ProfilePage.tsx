import { Card, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMay, useSession } from "../../app/session";
import { useTitle } from "../../app/title";
import { showDone } from "../../app/toasts";
import { Page, PageHead } from "../../parts/PageHead";
import { PasswordForm } from "../login/PasswordForm";
import { ProfileForm } from "./ProfileForm";
import { TelegramLink } from "./TelegramLink";

export function ProfilePage() {
  const { t } = useTranslation();
  const session = useSession();
  const { user } = session;
  const operator = useMay("operator");
  useTitle(t("profile.title"));
  return (
    <Page>
      <PageHead title={t("profile.title")} text={`${user.name || user.email} · ${t(`role.${user.role}`)}`} />
      <Card withBorder padding="lg">
        <ProfileForm />
      </Card>
      <Card withBorder padding="lg" maw={480}>
        <PasswordForm session={session} change onSet={() => showDone(t("password.changed"))} />
      </Card>
      <Card withBorder padding="lg">
        <Stack gap="sm" align="flex-start">
          <Title order={2} size="h4">
            {t("telegram.title")}
          </Title>
          <Text c="dimmed">{t("telegram.text")}</Text>
          {operator ? <TelegramLink /> : <Text>{t("telegram.operators-only")}</Text>}
        </Stack>
      </Card>
    </Page>
  );
}
