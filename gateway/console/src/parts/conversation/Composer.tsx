import { ActionIcon, Textarea, Tooltip } from "@mantine/core";
import IconPlayerStop from "@tabler/icons-react/icons/IconPlayerStopFilled";
import IconSend from "@tabler/icons-react/icons/IconSend2";
import { type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./Chat.module.css";

const LONGEST = 16_384;

interface Props {
  busy: boolean;
  disabled: boolean;
  placeholder: string;
  /** Answers whether it was taken; what was not is there to be sent again. */
  onSay: (text: string) => Promise<boolean> | undefined;
  onStop?: () => void;
}

/** Enter sends, Shift+Enter begins a line. */
export function Composer({ busy, disabled, placeholder, onSay, onStop }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const input = useRef<HTMLTextAreaElement>(null);
  const say = () => {
    const said = text.trim();
    if (!said || busy || disabled) return;
    setText("");
    void onSay(said)?.then((taken) => {
      if (!taken) setText((now) => now || said);
    });
    input.current?.focus();
  };
  const press = (event: KeyboardEvent) => {
    // While an input method composes a word, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    say();
  };
  return (
    <form
      className={classes.composer}
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <Textarea
        ref={input}
        className={classes.input}
        aria-label={t("chat.message")}
        placeholder={disabled ? t("chat.read-only") : placeholder}
        autosize
        minRows={1}
        maxRows={8}
        maxLength={LONGEST}
        size="md"
        radius="lg"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={press}
        disabled={disabled}
      />
      {busy && onStop ? (
        <Tooltip label={t("chat.stop")}>
          <ActionIcon size={42} radius="lg" variant="default" onClick={onStop} aria-label={t("chat.stop")}>
            <IconPlayerStop size={18} />
          </ActionIcon>
        </Tooltip>
      ) : (
        <ActionIcon
          type="submit"
          size={42}
          radius="lg"
          variant="filled"
          color="brand"
          disabled={disabled || !text.trim()}
          aria-label={t("chat.send")}
        >
          <IconSend size={20} />
        </ActionIcon>
      )}
    </form>
  );
}
