import { Alert, Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Role, useInvite } from "../../../api/people";
import { asApiError } from "../../../api/problem";
import { useSession } from "../../../app/session";
import { ProblemText, problemTitle } from "../../../app/toasts";
import { LANGUAGES } from "../../../i18n";
import { RolePick } from "./RolePick";
import { Secret } from "./Secret";

export function InviteDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("people.invite-title")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Invitation onClose={onClose} />
    </Modal>
  );
}

function Invitation({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const [locale, setLocale] = useState(tenant.locale);
  const invite = useInvite();
  const error = invite.error && asApiError(invite.error);
  const send = (event: FormEvent) => {
    event.preventDefault();
    const language = LANGUAGES.find((known) => known === locale) ?? "ru";
    invite.mutate({ email: email.trim(), name: name.trim(), role, locale: language });
  };
  if (invite.data) {
    const whose = invite.data.user.name || invite.data.user.email;
    return (
      <Secret
        title={t("people.link-title", { whose })}
        text={t("people.link-text")}
        value={invite.data.link.link}
        onDone={onClose}
      />
    );
  }
  return (
    <form onSubmit={send}>
      <Stack>
        <TextInput
          label={t("people.email")}
          type="email"
          required
          maxLength={254}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
          data-autofocus
        />
        <TextInput
          label={t("people.name")}
          maxLength={120}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <RolePick label={t("people.role")} description={t(`people.may.${role}`)} value={role} onChange={setRole} />
        <Select
          label={t("people.locale")}
          allowDeselect={false}
          data={LANGUAGES.map((language) => ({ value: language, label: t(`language.${language}`) }))}
          value={locale}
          onChange={(language) => language && setLocale(language)}
        />
        {error && (
          <Alert color="red" variant="light" role="alert" title={problemTitle(error)}>
            <ProblemText error={error} />
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={invite.isPending} disabled={!email.includes("@")}>
            {t("people.invite")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
