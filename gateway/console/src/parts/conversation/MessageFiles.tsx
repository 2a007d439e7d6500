import { Anchor, Group } from "@mantine/core";
import IconPaperclip from "@tabler/icons-react/icons/IconPaperclip";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../api/types";
import classes from "./Chat.module.css";

const HEARD = ["voice", "audio"];

/** What came with a message; each file is fetched from its channel when somebody looks at it. */
export function MessageFiles({ message, conversationId }: { message: Message; conversationId: string }) {
  const base = `/api/conversations/${conversationId}/messages/${message.id}/files`;
  return message.files.map((file) => <One key={file.number} file={file} address={`${base}/${file.number}`} />);
}

function One({ file, address }: { file: Message["files"][number]; address: string }) {
  const { t } = useTranslation();
  const [broken, setBroken] = useState(false);
  const name = file.name || t(`file.${file.kind}`, { defaultValue: t("file.document") });
  if (file.kind === "photo" && !broken) {
    return (
      <a href={address} target="_blank" rel="noreferrer">
        <img
          src={address}
          alt={name}
          loading="lazy"
          className={classes.photo}
          // The channel has it no longer, or is away: what it was is still worth showing.
          onError={() => setBroken(true)}
        />
      </a>
    );
  }
  return (
    <>
      {HEARD.includes(file.kind) && (
        // biome-ignore lint/a11y/useMediaCaption: nobody wrote down what a customer says
        <audio controls preload="none" src={address} aria-label={name} className={classes.audio} />
      )}
      <Anchor href={address} download size="sm">
        <Group gap={6} wrap="nowrap">
          <IconPaperclip size={16} aria-hidden />
          <span className="wraps">{name}</span>
        </Group>
      </Anchor>
    </>
  );
}
