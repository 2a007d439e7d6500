import { ActionIcon, Button, Card, Group, Menu, Modal, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconDots from "@tabler/icons-react/icons/IconDots";
import IconLink from "@tabler/icons-react/icons/IconLink";
import IconUserMinus from "@tabler/icons-react/icons/IconUserMinus";
import IconUserPlus from "@tabler/icons-react/icons/IconUserPlus";
import { useTranslation } from "react-i18next";
import { ROLES, type User, useChangeUser, useNewLink, useRemoveUser, useUsers } from "../../../api/people";
import { useSession } from "../../../app/session";
import { showDone } from "../../../app/toasts";
import { Removal } from "../../../parts/Removal";
import { Failed, Loading } from "../../../parts/states";
import { When } from "../../../parts/When";
import classes from "../Settings.module.css";
import { InviteDialog } from "./InviteDialog";
import { RolePick } from "./RolePick";
import { Secret } from "./Secret";

/** Who works here, and what each may do. */
export function PeopleCard() {
  const { t } = useTranslation();
  const users = useUsers();
  const [inviting, invite] = useDisclosure(false);
  return (
    <Card withBorder padding="lg" component="section" aria-label={t("people.title")}>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start">
          <Title order={2} size="h4">
            {t("people.title")}
          </Title>
          <Button size="xs" leftSection={<IconUserPlus size={16} />} onClick={invite.open}>
            {t("people.invite-title")}
          </Button>
        </Group>
        <Text c="dimmed">{t("people.text")}</Text>
        {users.isPending && <Loading />}
        {users.isError && !users.data && <Failed error={users.error} again={() => void users.refetch()} />}
        <ul className={classes.rows} aria-label={t("people.title")}>
          {users.data?.pages
            .flatMap(({ items }) => items)
            .map((user) => (
              <Row key={user.id} user={user} />
            ))}
        </ul>
        {users.hasNextPage && (
          <Button variant="subtle" loading={users.isFetchingNextPage} onClick={() => void users.fetchNextPage()}>
            {t("app.more")}
          </Button>
        )}
        <InviteDialog key={String(inviting)} opened={inviting} onClose={invite.close} />
      </Stack>
    </Card>
  );
}

function Row({ user }: { user: User }) {
  const { t } = useTranslation();
  const me = useSession().user;
  const change = useChangeUser(user.id);
  const whose = user.name || user.email;
  const above = ROLES.indexOf(user.role) < ROLES.indexOf(me.role);
  return (
    <li className={classes.row}>
      <div className={classes.who}>
        <Text size="sm" fw={600} className="wraps">
          {whose} {user.id === me.id && t("people.you")}
        </Text>
        {user.name && (
          <Text size="sm" c="dimmed" className="wraps">
            {user.email}
          </Text>
        )}
        <Text size="xs" c="dimmed">
          {user.seen_at ? t("people.seen") : t("people.never-seen")}{" "}
          {user.seen_at && <When at={user.seen_at} size="xs" />}
        </Text>
      </div>
      <RolePick
        w={160}
        size="xs"
        aria-label={t("people.role-of", { whose })}
        disabled={above || change.isPending}
        value={user.role}
        onChange={(role) => change.mutate(role, { onSuccess: () => showDone(t("people.changed", { whose })) })}
      />
      <More user={user} whose={whose} disabled={above} />
    </li>
  );
}

function More({ user, whose, disabled }: { user: User; whose: string; disabled: boolean }) {
  const { t } = useTranslation();
  const me = useSession().user;
  const link = useNewLink(user.id);
  const remove = useRemoveUser(user.id);
  const [removing, ask] = useDisclosure(false);
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon size={32} aria-label={t("people.more", { whose })} disabled={disabled} loading={link.isPending}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconLink size={16} />} onClick={() => link.mutate()}>
            {t("people.new-link")}
          </Menu.Item>
          {user.id !== me.id && (
            <Menu.Item leftSection={<IconUserMinus size={16} />} onClick={ask.open}>
              {t("people.remove")}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={link.data !== undefined}
        onClose={link.reset}
        title={t("people.new-link")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Secret
          title={t("people.link-title", { whose })}
          text={t("people.link-text")}
          value={link.data?.link ?? ""}
          onDone={link.reset}
        />
      </Modal>
      <Removal
        opened={removing}
        title={t("people.remove-title", { whose })}
        text={t("people.remove-text")}
        button={t("people.remove")}
        loading={remove.isPending}
        onClose={ask.close}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => showDone(t("people.removed", { whose })),
            onSettled: ask.close,
          })
        }
      />
    </>
  );
}
