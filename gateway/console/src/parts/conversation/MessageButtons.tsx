import { Badge, Button, Group } from "@mantine/core";
import IconPaperclip from "@tabler/icons-react/icons/IconPaperclip";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../api/types";

/** What an answer shows besides its words. Whoever plays the customer can press the buttons. */
export function MessageButtons({ message, onSay }: { message: Message; onSay: ((text: string) => void) | undefined }) {
  const { t } = useTranslation();
  const { attachment, buttons } = message;
  return (
    <>
      {attachment && (
        <Outside url={attachment.url} icon={<IconPaperclip size={16} />}>
          {t(`file.${attachment.kind}`)}
        </Outside>
      )}
      {buttons.length > 0 && (
        <Group gap={6} role="group" aria-label={t("chat.buttons")}>
          {buttons.map(({ text, url }) =>
            url ? (
              <Outside key={text} url={url}>
                {text}
              </Outside>
            ) : onSay ? (
              <Button key={text} size="compact-sm" variant="default" onClick={() => onSay(text)}>
                {text}
              </Button>
            ) : (
              <Badge key={text} variant="outline" color="gray" tt="none" fw={500}>
                {text}
              </Badge>
            ),
          )}
        </Group>
      )}
    </>
  );
}

function Outside({ url, icon, children }: { url: string; icon?: ReactNode; children: ReactNode }) {
  return (
    <Button
      component="a"
      href={url}
      target="_blank"
      rel="noreferrer"
      w="fit-content"
      size="compact-sm"
      variant="subtle"
      leftSection={icon}
    >
      {children}
    </Button>
  );
}
