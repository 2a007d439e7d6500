import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useBackTestEvents } from "../../api/backTests";
import type { BackTestEvent } from "../../api/types";
import { useSession } from "../../app/session";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";
import { whyNot } from "./words";

interface Props {
  id: string;
  outcome: BackTestEvent["outcome"];
  reason?: string;
}

/** Events on which a rule fared alike, the newest first. */
export function BackTestEvents({ id, outcome, reason }: Props) {
  const { t } = useTranslation();
  const found = useBackTestEvents(id, outcome, reason);
  if (found.isPending) return <Loading />;
  if (found.isError) return <Failed error={found.error} again={() => void found.refetch()} />;
  const events = found.data.pages.flatMap((page) => page.items);
  return (
    <Stack gap="xs" pl={reason ? "sm" : 0}>
      {events.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("backtest.elsewhere")}
        </Text>
      )}
      {events.map((event) => (
        <Event key={event.id} event={event} />
      ))}
      {found.hasNextPage && (
        <Group justify="center">
          <Button
            size="xs"
            variant="default"
            loading={found.isFetchingNextPage}
            onClick={() => void found.fetchNextPage()}
          >
            {t("app.more")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Event({ event }: { event: BackTestEvent }) {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const why = event.outcome === "gained" ? event.saved_reason : event.outcome === "lost" ? event.reason : "";
  return (
    <Stack gap={0}>
      <Group gap="xs" wrap="nowrap" align="baseline">
        <When at={event.at} />
        <Anchor
          component={Link}
          size="sm"
          className="wraps"
          lineClamp={2}
          to={`/manage/${tenant.id}/conversations?conversation=${event.conversation_id}`}
        >
          {event.text || t(`rules.on.${event.on}`)}
        </Anchor>
      </Group>
      {why && (
        <Text size="xs" c="dimmed" className="wraps">
          {t(`backtest.because.${event.outcome}`, { why: whyNot(t, why) })}
        </Text>
      )}
    </Stack>
  );
}
