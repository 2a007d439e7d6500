import { Anchor, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useSearchParams } from "react-router";
import { sessionQuery } from "../../api/queries";
import type { Session } from "../../api/types";
import { useTitle } from "../../app/title";
import { Preferences } from "../../app/UserMenu";
import { speakAs } from "../../i18n";
import logo from "../../icon.svg";
import { EnterByLink } from "./EnterByLink";
import { LoginForm } from "./LoginForm";
import classes from "./LoginPage.module.css";
import { PasswordForm } from "./PasswordForm";

/** What follows `#token=`: the part after # never reaches a server, so it is in no log. */
function tokenInAddress(): string {
  return new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
}

export function LoginPage() {
  const { t } = useTranslation();
  const [token, setToken] = useState(tokenInAddress);
  const [entered, setEntered] = useState<Session>();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [query] = useSearchParams();
  useTitle(t("login.title"));

  const goIn = (session: Session) => {
    queries.setQueryData(sessionQuery.queryKey, session);
    speakAs(session.user.locale);
    void navigate(wayBack(query.get("back"), session.tenant.id), { replace: true });
  };
  const enter = (session: Session) => {
    history.replaceState(history.state, "", location.pathname + location.search);
    if (session.password_set) goIn(session);
    else setEntered(session);
  };
  return (
    <main className={classes.page}>
      <Stack w="100%" maw={400} gap="lg">
        <Group gap={10} justify="center">
          <img src={logo} alt="" width={36} height={36} />
          <Title order={1} size="h2">
            Callboard
          </Title>
        </Group>
        <Paper withBorder p="xl" radius="lg" shadow="xs">
          {entered ? (
            <PasswordForm session={entered} onSet={goIn} />
          ) : token ? (
            <EnterByLink token={token} onEntered={enter} onPassword={() => setToken("")} />
          ) : (
            <LoginForm onEntered={goIn} />
          )}
        </Paper>
        <Preferences />
        <Text size="sm" c="dimmed" ta="center">
          {t("login.lost")}{" "}
          <Anchor href="/docs" underline="always">
            {t("user.api")}
          </Anchor>
        </Text>
      </Stack>
    </main>
  );
}

/** Only to pages of our own that belong to the same company. */
function wayBack(asked: string | null, tenantId: string): string {
  const home = `/manage/${tenantId}`;
  return asked && (asked === home || asked.startsWith(`${home}/`) || asked.startsWith(`${home}?`)) ? asked : home;
}
