import { Button, Card, Group, Select, Stack, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useChangeCompany } from "../../api/people";
import { useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { LANGUAGES } from "../../i18n";

/** What the company is called, and the language in which it is written to. */
export function CompanyCard() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const change = useChangeCompany(tenant.id);
  const [name, setName] = useState(tenant.name);
  const [locale, setLocale] = useState(tenant.locale);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const language = LANGUAGES.find((known) => known === locale) ?? "ru";
    change.mutate({ name: name.trim(), locale: language }, { onSuccess: () => showDone(t("company.saved")) });
  };
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("company.title")}>
      <form onSubmit={save}>
        <Stack gap="sm" align="flex-start">
          <Title order={2} size="h4">
            {t("company.title")}
          </Title>
          <Group gap="sm" align="flex-start">
            <TextInput
              w={280}
              maw="100%"
              label={t("company.name")}
              required
              maxLength={120}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Select
              w={200}
              label={t("company.locale")}
              description={t("company.locale-hint")}
              inputWrapperOrder={["label", "input", "description"]}
              allowDeselect={false}
              data={LANGUAGES.map((language) => ({ value: language, label: t(`language.${language}`) }))}
              value={locale}
              onChange={(language) => language && setLocale(language)}
            />
          </Group>
          <Button type="submit" loading={change.isPending} disabled={!name.trim()}>
            {t("app.save")}
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
