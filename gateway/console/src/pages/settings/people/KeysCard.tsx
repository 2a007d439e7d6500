import { Alert, Button, Card, Code, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconKey from "@tabler/icons-react/icons/IconKey";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ApiKey, type Role, useApiKeys, useCreateKey, useRevokeKey } from "../../../api/people";
import { asApiError } from "../../../api/problem";
import { ProblemText, problemTitle, showDone } from "../../../app/toasts";
import { Removal } from "../../../parts/Removal";
import { Failed, Loading } from "../../../parts/states";
import { When } from "../../../parts/When";
import classes from "../Settings.module.css";
import { RolePick } from "./RolePick";
import { Secret } from "./Secret";

/** What lets programs of the company in. */
export function KeysCard() {
  const { t } = useTranslation();
  const keys = useApiKeys();
  const [creating, create] = useDisclosure(false);
  const items = keys.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("keys.title")}>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start">
          <Title order={2} size="h4">
            {t("keys.title")}
          </Title>
          <Button size="xs" variant="default" leftSection={<IconKey size={16} />} onClick={create.open}>
            {t("keys.create-title")}
          </Button>
        </Group>
        <Text c="dimmed">{t("keys.text")}</Text>
        {keys.isPending && <Loading />}
        {keys.isError && !keys.data && <Failed error={keys.error} again={() => void keys.refetch()} />}
        {keys.data && items.length === 0 && <Text size="sm">{t("keys.empty")}</Text>}
        <ul className={classes.rows} aria-label={t("keys.title")}>
          {items.map((key) => (
            <Row key={key.id} known={key} />
          ))}
        </ul>
        {keys.hasNextPage && (
          <Button variant="subtle" loading={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
            {t("app.more")}
          </Button>
        )}
        <Modal
          opened={creating}
          onClose={create.close}
          title={t("keys.create-title")}
          closeButtonProps={{ "aria-label": t("app.close") }}
        >
          <NewKey key={String(creating)} onClose={create.close} />
        </Modal>
      </Stack>
    </Card>
  );
}

function Row({ known }: { known: ApiKey }) {
  const { t } = useTranslation();
  const revoke = useRevokeKey(known.id);
  const [asking, ask] = useDisclosure(false);
  return (
    <li className={classes.row}>
      <div className={classes.who}>
        <Text size="sm" fw={600} className="wraps">
          {known.name}
        </Text>
        <Text size="sm" c="dimmed">
          <Code c="var(--mantine-color-text)">{known.prefix}…</Code> · {t(`role.${known.role}`)}
        </Text>
        <Text size="xs" c="dimmed">
          {known.last_used_at ? t("keys.used") : t("keys.never-used")}{" "}
          {known.last_used_at && <When at={known.last_used_at} size="xs" />}
        </Text>
      </div>
      <Button size="xs" variant="default" aria-label={t("keys.revoke-one", { name: known.name })} onClick={ask.open}>
        {t("keys.revoke")}
      </Button>
      <Removal
        opened={asking}
        title={t("keys.revoke-title", { name: known.name })}
        text={t("keys.revoke-text")}
        button={t("keys.revoke")}
        loading={revoke.isPending}
        onClose={ask.close}
        onConfirm={() =>
          revoke.mutate(undefined, {
            onSuccess: () => showDone(t("keys.revoked", { name: known.name })),
            onSettled: ask.close,
          })
        }
      />
    </li>
  );
}

function NewKey({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const create = useCreateKey();
  const error = create.error && asApiError(create.error);
  const send = (event: FormEvent) => {
    event.preventDefault();
    create.mutate({ name: name.trim(), role });
  };
  if (create.data) {
    return <Secret title={t("keys.shown-once")} text={t("keys.shown-text")} value={create.data.key} onDone={onClose} />;
  }
  return (
    <form onSubmit={send}>
      <Stack>
        <TextInput
          label={t("keys.name")}
          description={t("keys.name-hint")}
          required
          maxLength={120}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          data-autofocus
        />
        <RolePick label={t("people.role")} description={t(`people.may.${role}`)} value={role} onChange={setRole} />
        {error && (
          <Alert color="red" variant="light" role="alert" title={problemTitle(error)}>
            <ProblemText error={error} />
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={create.isPending} disabled={!name.trim()}>
            {t("keys.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
