import { Group, Stack, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { SequenceBody } from "../../api/types";
import type { Faults } from "../rules/Conditions";
import { Weekdays } from "./Weekdays";

type Hours = NonNullable<SequenceBody["hours"]>;
const CLOCKS = ["from", "to", "quiet_from", "quiet_to"] as const;

interface Props {
  sequence: SequenceBody;
  faults: Faults;
  onChange: (changes: Partial<SequenceBody>) => void;
}

/** When it may speak, by the customer's clock. */
export function HoursPart({ sequence, faults, onChange }: Props) {
  const { t } = useTranslation();
  const hours: Hours = sequence.hours ?? {};
  return (
    <Stack gap="xs">
      <Group gap="xs" align="flex-start">
        {CLOCKS.map((name) => (
          <TextInput
            key={name}
            type="time"
            label={t(`sequences.hours.${name}`)}
            value={hours[name] === "24:00" ? "" : (hours[name] ?? "")}
            error={faults.has(`/hours/${name}`) && t("sequences.fault.hours")}
            onChange={(event) => onChange({ hours: { ...hours, [name]: event.currentTarget.value } })}
          />
        ))}
      </Group>
      <Weekdays
        chosen={hours.weekdays ?? []}
        onChange={(weekdays) => onChange({ hours: { ...hours, weekdays: weekdays as NonNullable<Hours["weekdays"]> } })}
      />
      <TextInput
        label={t("sequences.timezone")}
        description={t("sequences.timezone-hint")}
        maxLength={64}
        value={sequence.timezone ?? ""}
        error={faults.has("/timezone") && t("rules.fault.timezone")}
        onChange={(event) => onChange({ timezone: event.currentTarget.value.trim() })}
      />
    </Stack>
  );
}
