import { Button, Group, Menu, Select, Text, ThemeIcon, Title } from "@mantine/core";
import IconDownload from "@tabler/icons-react/icons/IconDownload";
import IconHistory from "@tabler/icons-react/icons/IconHistory";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { exportAddress, type UpdatesFilter, useUpdates } from "../../api/dashboard";
import type { Update } from "../../api/types";
import { useSession } from "../../app/session";
import { Empty, Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import classes from "./Dashboard.module.css";
import { type DashboardState, GROUPS } from "./state";
import { addressOf, iconOf, isError, useWords } from "./words";

/** What happened, the newest first; each entry opens what it is about. */
export function Updates({ state }: { state: DashboardState }) {
  const { t } = useTranslation();
  const filter: UpdatesFilter = {
    range: state.range,
    agent: state.agent,
    kinds: state.show && [...GROUPS[state.show]],
  };
  const list = useUpdates(filter);
  const updates = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className={classes.card} aria-label={t("updates.title")}>
      <Group justify="space-between" gap="sm" mb="xs">
        <Title order={2} size="h4">
          {t("updates.title")}
        </Title>
        <Group gap="xs" wrap="nowrap">
          <Select
            w={190}
            aria-label={t("updates.show")}
            placeholder={t("updates.groups.all")}
            clearable
            clearButtonProps={{ "aria-label": t("updates.groups.all") }}
            data={Object.keys(GROUPS).map((value) => ({ value, label: t(`updates.groups.${value}`) }))}
            value={state.show ?? null}
            onChange={(group) => state.change("show", group)}
          />
          <Download filter={filter} />
        </Group>
      </Group>
      {list.isPending && <Loading />}
      {list.isError && !list.data && <Failed error={list.error} again={() => void list.refetch()} />}
      {list.data && updates.length === 0 && (
        <Empty icon={<IconHistory />} title={t("updates.empty")} text={t("updates.empty-text")} />
      )}
      <ul className={classes.updates}>
        {updates.map((update) => (
          <li key={update.id}>
            <Entry update={update} />
          </li>
        ))}
      </ul>
      {list.hasNextPage && (
        <Group justify="center" mt="sm">
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t("app.more")}
          </Button>
        </Group>
      )}
    </section>
  );
}

function Entry({ update }: { update: Update }) {
  const { tenant } = useSession();
  const words = useWords(update);
  const to = addressOf(update, `/manage/${tenant.id}`);
  const Icon = iconOf(update.kind);
  const shown = (
    <>
      <ThemeIcon variant="light" color={isError(update.kind) ? "red" : "brand"} size={30} radius="xl" aria-hidden>
        <Icon size={16} />
      </ThemeIcon>
      <div className={classes.words}>
        <Text size="sm" fw={500}>
          {words.what}
        </Text>
        {words.about && (
          <Text size="sm" c="dimmed" className="wraps" lineClamp={2}>
            {words.about}
          </Text>
        )}
      </div>
      <When at={update.at} className={classes.when ?? ""} />
    </>
  );
  return to ? (
    <Link to={to} className={`${classes.update} ${classes.link}`} data-kind={update.kind}>
      {shown}
    </Link>
  ) : (
    <div className={classes.update} data-kind={update.kind}>
      {shown}
    </div>
  );
}

function Download({ filter }: { filter: UpdatesFilter }) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} />} aria-label={t("updates.download")}>
          {t("updates.file")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={exportAddress(filter, "csv")} download>
          {t("updates.csv")}
        </Menu.Item>
        <Menu.Item component="a" href={exportAddress(filter, "json")} download>
          {t("updates.json")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
