import { Anchor, Badge, Button, Group } from "@mantine/core";
import IconPaperclip from "@tabler/icons-react/icons/IconPaperclip";
import { useTranslation } from "react-i18next";
import type { Message } from "../../api/types";

/** What an answer shows besides its words. Whoever plays the customer can press the buttons. */
export function MessageButtons({ message, onSay }: { message: Message; onSay: ((text: string) => void) | undefined }) {
  const { t } = useTranslation();
  const { attachment, buttons } = message;
  return (
    <>
      {attachment && (
        <Anchor href={attachment.url} target="_blank" rel="noreferrer" size="sm">
          <Group gap={6} wrap="nowrap">
            <IconPaperclip size={16} aria-hidden />
            <span className="wraps">{t(`file.${attachment.kind}`)}</span>
          </Group>
        </Anchor>
      )}
      {buttons.length > 0 && (
        <Group gap={6} role="group" aria-label={t("chat.buttons")}>
          {buttons.map(({ text, url }) =>
            url ? (
              <Anchor key={text} href={url} target="_blank" rel="noreferrer" size="sm">
                {text}
              </Anchor>
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
