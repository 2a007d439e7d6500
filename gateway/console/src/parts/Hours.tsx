import { Group, Stack, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { SequenceBody } from "../api/types";
import { Weekdays } from "./Weekdays";

export type HoursValue = NonNullable<SequenceBody["hours"]>;
const CLOCKS = ["from", "to", "quiet_from", "quiet_to"] as const;

interface Props {
  hours: HoursValue;
  timezone: string;
  timezoneHint: string;
  /** Where something is wrong, as JSON pointers. */
  faults?: ReadonlyMap<string, string>;
  onHours: (hours: HoursValue) => void;
  onTimezone: (timezone: string) => void;
}

/** When something may speak, by the clock of a time zone. */
export function Hours({ hours, timezone, timezoneHint, faults, onHours, onTimezone }: Props) {
  const { t } = useTranslation();
  return (
    <Stack gap="xs">
      <Group gap="xs" align="flex-start">
        {CLOCKS.map((name) => (
          <TextInput
            key={name}
            type="time"
            label={t(`hours.${name}`)}
            value={hours[name] === "24:00" ? "" : (hours[name] ?? "")}
            error={faults?.has(`/hours/${name}`) && t("sequences.fault.hours")}
            onChange={(event) => onHours({ ...hours, [name]: event.currentTarget.value })}
          />
        ))}
      </Group>
      <Weekdays
        chosen={hours.weekdays ?? []}
        onChange={(weekdays) => onHours({ ...hours, weekdays: weekdays as NonNullable<HoursValue["weekdays"]> })}
      />
      <TextInput
        label={t("hours.timezone")}
        description={timezoneHint}
        maxLength={64}
        value={timezone}
        error={faults?.has("/timezone") && t("rules.fault.timezone")}
        onChange={(event) => onTimezone(event.currentTarget.value.trim())}
      />
    </Stack>
  );
}
