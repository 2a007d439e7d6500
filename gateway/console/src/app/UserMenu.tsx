import {
  Avatar,
  Divider,
  Group,
  NavLink,
  Popover,
  SegmentedControl,
  Stack,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconBook from "@tabler/icons-react/icons/IconBook2";
import IconHandStop from "@tabler/icons-react/icons/IconHandStop";
import IconLogout from "@tabler/icons-react/icons/IconLogout";
import IconUser from "@tabler/icons-react/icons/IconUser";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { api, said } from "../api/client";
import { choose, type Language } from "../i18n";
import { StopDialog } from "./StopDialog";
import { useMay, useSession } from "./session";
import classes from "./UserMenu.module.css";

export function UserMenu() {
  const { t } = useTranslation();
  const { user, tenant } = useSession();
  const mayStop = useMay("operator");
  const [opened, menu] = useDisclosure(false);
  const [asking, ask] = useDisclosure(false);
  const logOut = useLogOut();
  const askToStop = () => {
    menu.close();
    ask.open();
  };
  return (
    <>
      <StopDialog opened={asking} close={ask.close} />
      <Popover opened={opened} onChange={menu.set} position="top-start" width={232} trapFocus returnFocus>
        <Popover.Target>
          <UnstyledButton
            onClick={menu.toggle}
            className={classes.button}
            aria-label={t("user.menu", { name: user.name || user.email })}
          >
            <Group gap="sm" wrap="nowrap">
              <Avatar name={user.name || user.email} color="brand" radius="xl" size={34} aria-hidden />
              <Stack gap={0} className={classes.who}>
                <Text size="sm" fw={500} truncate>
                  {user.name || user.email}
                </Text>
                <Text size="xs" c="dimmed" truncate>
                  {t(`role.${user.role}`)}
                </Text>
              </Stack>
            </Group>
          </UnstyledButton>
        </Popover.Target>
        <Popover.Dropdown p={6} aria-label={t("user.settings")}>
          <Preferences />
          <Divider my={4} />
          <NavLink
            component={Link}
            to={`/manage/${tenant.id}/profile`}
            onClick={menu.close}
            leftSection={<IconUser size={16} />}
            label={t("profile.title")}
            className={classes.item}
          />
          {mayStop && (
            <NavLink
              component="button"
              leftSection={<IconHandStop size={16} />}
              label={t("stop.menu")}
              onClick={askToStop}
              className={classes.item}
            />
          )}
          <NavLink
            href="/docs"
            target="_blank"
            rel="noreferrer"
            leftSection={<IconBook size={16} />}
            label={t("user.api")}
            className={classes.item}
          />
          <NavLink
            component="button"
            leftSection={<IconLogout size={16} />}
            label={t("user.log-out")}
            onClick={() => logOut.mutate()}
            className={classes.item}
          />
        </Popover.Dropdown>
      </Popover>
    </>
  );
}

export function Preferences() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Stack gap="xs" p="xs">
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={t("user.language")}
        value={i18n.language}
        onChange={(language) => choose(language as Language)}
        data={[
          { value: "ru", label: "Русский" },
          { value: "en", label: "English" },
        ]}
      />
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={t("scheme.label")}
        value={colorScheme}
        onChange={(scheme) => setColorScheme(scheme as typeof colorScheme)}
        data={(["light", "dark", "auto"] as const).map((value) => ({ value, label: t(`scheme.${value}`) }))}
      />
    </Stack>
  );
}

function useLogOut() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: () => said(api.DELETE("/api/session")),
    onSuccess: async () => {
      await navigate("/login");
      queries.clear();
    },
  });
}
