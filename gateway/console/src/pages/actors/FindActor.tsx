import { Card, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import IconSearch from "@tabler/icons-react/icons/IconSearch";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { usePlaced } from "../../api/actors";
import { useSession } from "../../app/session";
import { When } from "../../parts/When";

const NUMBER = /^[1-9][0-9]{0,18}$/;

/** Which actor carries a conversation. */
export function FindActor() {
  const { t } = useTranslation();
  const { tenant } = useSession();
  const [where, setWhere] = useSearchParams();
  const asked = where.get("conversation") ?? "";
  const placed = usePlaced(NUMBER.test(asked) ? asked : "");
  const unknown = asked !== "" && (!NUMBER.test(asked) || placed.isError);
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        <Title order={2} size="h4">
          {t("actors.find")}
        </Title>
        <Group gap="sm" align="flex-start">
          <TextInput
            w={260}
            type="search"
            inputMode="numeric"
            aria-label={t("actors.conversation")}
            placeholder={t("actors.conversation")}
            leftSection={<IconSearch size={16} />}
            value={asked}
            error={unknown && t("actors.unknown")}
            onChange={(event) => {
              const value = event.currentTarget.value.trim();
              setWhere(value ? { conversation: value } : {}, { replace: true });
            }}
          />
          {placed.data && !unknown && asked !== "" && (
            <Stack gap={2}>
              <Text>
                {t("actors.carried", { actor: placed.data.actor, partition: placed.data.partition })}{" "}
                <Link to={`/manage/${tenant.id}/conversations?conversation=${asked}`}>{t("actors.open")}</Link>
              </Text>
              <Text size="sm" c="dimmed">
                {t("actors.waits", { count: placed.data.open_inputs })} · {t("actors.last")}{" "}
                <When at={placed.data.last_at} size="sm" />
              </Text>
            </Stack>
          )}
        </Group>
      </Stack>
    </Card>
  );
}
