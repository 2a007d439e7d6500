import { Button, Group, Select, Stack, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useChangeProfile } from "../../api/people";
import { useSession } from "../../app/session";
import { showDone } from "../../app/toasts";
import { LANGUAGES } from "../../i18n";

/** How colleagues see me, and the language in which my Telegram is written to. */
export function ProfileForm() {
  const { t } = useTranslation();
  const { user } = useSession();
  const change = useChangeProfile();
  const [name, setName] = useState(user.name);
  const [locale, setLocale] = useState(user.locale);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const language = LANGUAGES.find((known) => known === locale) ?? "ru";
    change.mutate({ name: name.trim(), locale: language }, { onSuccess: () => showDone(t("profile.saved")) });
  };
  return (
    <form onSubmit={save}>
      <Stack gap="sm" align="flex-start">
        <Title order={2} size="h4">
          {t("profile.me")}
        </Title>
        <Group gap="sm" align="flex-start">
          <TextInput
            w={280}
            maw="100%"
            label={t("people.name")}
            description={t("profile.name-hint")}
            inputWrapperOrder={["label", "input", "description"]}
            maxLength={120}
            autoComplete="name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Select
            w={220}
            label={t("people.locale")}
            description={t("profile.locale-hint")}
            inputWrapperOrder={["label", "input", "description"]}
            allowDeselect={false}
            data={LANGUAGES.map((language) => ({ value: language, label: t(`language.${language}`) }))}
            value={locale}
            onChange={(language) => language && setLocale(language)}
          />
        </Group>
        <Button type="submit" loading={change.isPending}>
          {t("app.save")}
        </Button>
      </Stack>
    </form>
  );
}
