import { Anchor, Badge, Button, Group, SegmentedControl, SimpleGrid, Stack, Text, useMatches } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useReplayTurns } from "../../../api/replays";
import type { Replay, ReplaySide, ReplayTurn } from "../../../api/types";
import { useSession } from "../../../app/session";
import { translatedReason } from "../../../parts/conversation/reasons";
import { Failed, Loading } from "../../../parts/states";
import { When } from "../../../parts/When";
import classes from "./Checks.module.css";

const OUTCOMES = ["differs", "asked", "skipped", "same"] as const;

export function ReplayTurns({ replay }: { replay: Replay }) {
  const { t } = useTranslation();
  const orientation = useMatches<"vertical" | "horizontal">({ base: "vertical", xs: "horizontal" });
  const [outcome, setOutcome] = useState<ReplayTurn["outcome"]>("differs");
  const found = useReplayTurns(replay, outcome);
  const turns = found.data?.pages.flatMap((page) => page.items) ?? [];
  const counted = (name: ReplayTurn["outcome"]) => (replay.result ? `: ${replay.result[name]}` : "");
  return (
    <Stack gap="md">
      <div className={classes.tabs}>
        <SegmentedControl
          orientation={orientation}
          fullWidth={orientation === "vertical"}
          aria-label={t("replay.outcomes")}
          value={outcome}
          onChange={(value) => setOutcome(value as ReplayTurn["outcome"])}
          data={OUTCOMES.map((name) => ({ value: name, label: t(`replay.outcome.${name}`) + counted(name) }))}
        />
      </div>
      <Text size="sm" c="dimmed">
        {t(`replay.means.${outcome}`)}
      </Text>
      {found.isPending && <Loading />}
      {found.isError && <Failed error={found.error} again={() => void found.refetch()} />}
      {found.data && turns.length === 0 && <Text size="sm">{t("replay.none")}</Text>}
      {turns.map((turn) => (
        <Turn key={`${turn.conversation_id}-${turn.number}`} turn={turn} />
      ))}
      {found.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
            {t("app.more")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Turn({ turn }: { turn: ReplayTurn }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  return (
    <article className={classes.turn} aria-label={turn.asked.join(" / ") || t("replay.no-words")}>
      <Group gap="xs" mb={6}>
        <Anchor
          component={Link}
          size="sm"
          to={`/manage/${tenant.id}/conversations?conversation=${turn.conversation_id}`}
        >
          {turn.title || t("inbox.number", { number: turn.conversation_id })}
        </Anchor>
        <When at={turn.at} />
      </Group>
      <Text className="wraps" fw={600} mb="xs">
        {turn.asked.join("\n") || t("replay.no-words")}
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <Side title={t("replay.recorded")} side={turn.recorded} differs={turn.differs} />
        {turn.now ? (
          <Side title={t("replay.now")} side={turn.now} differs={turn.differs} asked={turn.outcome === "asked"} />
        ) : (
          <Text size="sm" c="dimmed">
            {t(`replay.why.${turn.why}`)}
          </Text>
        )}
      </SimpleGrid>
    </article>
  );
}

interface SideProps {
  title: string;
  side: ReplaySide;
  differs: string[];
  asked?: boolean;
}

/** What a turn did; what is not the same on the other side is marked. */
function Side({ title, side, differs, asked }: SideProps) {
  const { t } = useTranslation();
  const marked = (name: string) => (differs.includes(name) ? { "data-differs": true } : {});
  const reason = side.reason && translatedReason(t, side.reason);
  return (
    <Stack gap={6} className={classes.side}>
      <Group gap="xs">
        <Text size="xs" c="dimmed">
          {title}
        </Text>
        <Badge variant="default" size="sm" tt="none" fw={500} className={classes.mark} {...marked("mode")}>
          {t(`mode.${side.mode || "silent"}`, { defaultValue: side.mode })}
        </Badge>
        {side.script && (
          <Badge variant="default" size="sm" tt="none" fw={500} className={classes.mark} {...marked("script")}>
            {side.script_name || side.script}
          </Badge>
        )}
        {side.rules.length > 0 && (
          <Badge variant="default" size="sm" tt="none" fw={500} className={classes.mark} {...marked("rules")}>
            {t("page.rules")}: {side.rules.join(", ")}
          </Badge>
        )}
      </Group>
      <Text size="sm" className={`wraps ${classes.mark}`} {...marked("text")}>
        {asked ? t("replay.model-decides") : side.text || t("mode.silent")}
      </Text>
      {side.sources.length > 0 && (
        <Text size="xs" c="dimmed" className={`wraps ${classes.mark}`} {...marked("sources")}>
          {t("replay.sources")} {side.sources.map(({ title: name, id }) => name || id).join(", ")}
        </Text>
      )}
      {reason && (
        <Text size="xs" c="dimmed" className={`wraps ${classes.mark}`} {...marked("reason")}>
          {reason}
        </Text>
      )}
    </Stack>
  );
}
