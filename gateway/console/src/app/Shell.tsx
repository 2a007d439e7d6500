import { AppShell, Burger, Group, NavLink, ScrollArea, Stack, Text, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { spotlight } from "@mantine/spotlight";
import IconSearch from "@tabler/icons-react/icons/IconSearch";
import { Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link, Outlet, useLocation } from "react-router";
import { useLiveConnection } from "../api/live";
import logo from "../icon.svg";
import { Loading } from "../parts/states";
import { LiveBadge } from "./LiveBadge";
import { Palette } from "./Palette";
import { PAGES } from "./pages";
import classes from "./Shell.module.css";
import { StopBanner } from "./StopBanner";
import { useSession } from "./session";
import { UserMenu } from "./UserMenu";

export function Shell() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const here = useLocation();
  const [opened, menu] = useDisclosure(false);
  useLiveConnection();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when the page changes
  useEffect(() => {
    menu.close();
  }, [here.pathname]);
  const base = `/manage/${tenant.id}`;

  return (
    <AppShell
      header={{ height: { base: 56, sm: 0 } }}
      navbar={{ width: 248, breakpoint: "sm", collapsed: { mobile: !opened } }}
      classNames={{ main: classes.main, navbar: classes.navbar, header: classes.header }}
    >
      <a href="#content" className={classes.skip}>
        {t("nav.skip")}
      </a>
      <AppShell.Header hiddenFrom="sm">
        <Group h="100%" px="md" gap="sm" wrap="nowrap">
          <Burger opened={opened} onClick={menu.toggle} size="sm" aria-label={t(opened ? "nav.close" : "nav.open")} />
          <Brand />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label={t("nav.label")}>
        <Stack gap="md" p="md" pb={0} visibleFrom="sm">
          <Brand />
        </Stack>
        <Stack gap={2} px="md" pt="md" pb="xs">
          <Text size="xs" c="dimmed">
            {t("nav.company")}
          </Text>
          <Text fw={600} lineClamp={2}>
            {tenant.name}
          </Text>
        </Stack>
        <UnstyledButton className={classes.search} onClick={spotlight.open}>
          <IconSearch size={16} />
          <span>{t("palette.open")}</span>
          <kbd className={classes.key}>Ctrl K</kbd>
        </UnstyledButton>
        <ScrollArea className={classes.links}>
          {PAGES.map((page) => (
            <NavLink
              key={page.path}
              component={Link}
              to={page.path ? `${base}/${page.path}` : base}
              label={t(page.name)}
              leftSection={<page.icon size={20} stroke={1.6} />}
              active={isHere(page.path, here.pathname.slice(base.length + 1))}
              aria-current={isHere(page.path, here.pathname.slice(base.length + 1)) ? "page" : undefined}
              className={classes.link}
            />
          ))}
        </ScrollArea>
        <Stack gap="xs" p="sm" className={classes.foot}>
          <LiveBadge />
          <UserMenu />
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="content">
        <StopBanner />
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
      <Palette base={base} />
    </AppShell>
  );
}

function isHere(page: string, path: string): boolean {
  if (page === "") return path === "";
  const own = PAGES.find((known) => known.path && (path === known.path || path.endsWith(`/${known.path}`)));
  return own ? page === own.path : path.startsWith(page);
}

function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src={logo} alt="" width={28} height={28} />
      <Text fw={700} fz="lg">
        Callboard
      </Text>
    </Group>
  );
}
