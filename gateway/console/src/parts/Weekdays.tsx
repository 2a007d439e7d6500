import { Chip, Group, Stack, Text } from "@mantine/core";
import { useId } from "react";
import { useTranslation } from "react-i18next";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** Days of the week; none chosen: any. */
export function Weekdays({ chosen, onChange }: { chosen: string[]; onChange: (days: string[]) => void }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <Stack gap={4} role="group" aria-labelledby={id}>
      <Text size="sm" fw={500} id={id}>
        {t("hours.weekdays")}
      </Text>
      <Group gap={4}>
        {DAYS.map((day) => (
          <Chip
            key={day}
            size="xs"
            variant="outline"
            checked={chosen.includes(day)}
            onChange={(checked) => onChange(DAYS.filter((known) => (known === day ? checked : chosen.includes(known))))}
          >
            {t(`rules.day.${day}`)}
          </Chip>
        ))}
      </Group>
    </Stack>
  );
}
