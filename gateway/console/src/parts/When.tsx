import { Text, type TextProps } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { timeOfDay } from "./clock";

const DAY_MS = 86_400_000;

/** A time as people say it: the hour today, the date before. */
export function When({ at, ...props }: { at: string } & TextProps) {
  const { i18n } = useTranslation();
  const time = new Date(at);
  const sameDay = Date.now() - time.getTime() < DAY_MS && new Date().getDate() === time.getDate();
  const short = new Intl.DateTimeFormat(
    i18n.language,
    sameDay ? timeOfDay(i18n.language) : { day: "numeric", month: "short", ...timeOfDay(i18n.language) },
  );
  const whole = new Intl.DateTimeFormat(i18n.language, { dateStyle: "long", timeStyle: "medium" });
  return (
    <Text span size="xs" c="dimmed" {...props}>
      <time dateTime={at} title={whole.format(time)}>
        {short.format(time)}
      </time>
    </Text>
  );
}
