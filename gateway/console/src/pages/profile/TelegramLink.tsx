import { Button, Code, Group, List, Stack, Switch, Text } from "@mantine/core";
import IconBrandTelegram from "@tabler/icons-react/icons/IconBrandTelegram";
import { useTranslation } from "react-i18next";
import { useAvailability, useTelegramCode, useTelegramLink, useUnlinkTelegram } from "../../api/operators";
import type { TelegramCode, TelegramLinkState } from "../../api/types";
import { CopyButton } from "../../parts/CopyButton";
import { Failed, Loading } from "../../parts/states";
import { When } from "../../parts/When";

export function TelegramLink() {
  const code = useTelegramCode();
  const link = useTelegramLink(code.isSuccess);
  if (link.isPending) return <Loading />;
  if (link.isError) return <Failed error={link.error} again={() => void link.refetch()} />;
  if (link.data.chat) return <Linked chat={link.data.chat} forget={code.reset} />;
  return <NotLinked bots={link.data.bots.length} code={code} />;
}

function NotLinked({ bots, code }: { bots: number; code: ReturnType<typeof useTelegramCode> }) {
  const { t } = useTranslation();
  if (bots === 0) return <Text>{t("telegram.no-bot")}</Text>;
  return (
    <>
      {code.data && <Shown code={code.data} />}
      <Button
        variant={code.data ? "default" : "filled"}
        leftSection={<IconBrandTelegram size={18} />}
        onClick={() => code.mutate()}
        loading={code.isPending}
      >
        {t(code.data ? "telegram.new-code" : "telegram.get-code")}
      </Button>
    </>
  );
}

function Shown({ code }: { code: TelegramCode }) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm" role="status">
      <Text>{t("telegram.how")}</Text>
      <List spacing={4}>
        {code.deep_links.map((link) => (
          <List.Item key={link.url}>
            <a href={link.url} target="_blank" rel="noreferrer" className="wraps">
              @{link.username} ({link.agent})
            </a>
          </List.Item>
        ))}
      </List>
      <Text>{t("telegram.or-send")}</Text>
      <Group gap="xs">
        <Code fz="lg">{code.code}</Code>
        <CopyButton value={code.code} />
      </Group>
      <Text size="sm" c="dimmed">
        {t("telegram.until")} <When at={code.expires_at} size="sm" />
      </Text>
    </Stack>
  );
}

function Linked({ chat, forget }: { chat: NonNullable<TelegramLinkState["chat"]>; forget: () => void }) {
  const { t } = useTranslation();
  const unlink = useUnlinkTelegram();
  const available = useAvailability();
  return (
    <>
      <Text className="wraps">
        {t("telegram.linked", { name: chat.name || "Telegram", bot: chat.username ? `@${chat.username}` : chat.agent })}{" "}
        <When at={chat.linked_at} size="sm" />
      </Text>
      <Switch
        checked={chat.available}
        onChange={(event) => available.mutate(event.currentTarget.checked)}
        disabled={available.isPending}
        label={t("telegram.available")}
        description={t("telegram.available-hint")}
      />
      <Button
        variant="default"
        onClick={() => unlink.mutate(undefined, { onSuccess: forget })}
        loading={unlink.isPending}
      >
        {t("telegram.unlink")}
      </Button>
    </>
  );
}
