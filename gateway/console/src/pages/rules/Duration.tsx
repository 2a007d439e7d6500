import { Group, NumberInput, Select } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { UNITS, type Unit, unitOf } from "./words";

interface Props {
  label: string;
  seconds: number;
  error?: string | undefined;
  min?: number;
  onChange: (seconds: number) => void;
}

export function Duration({ label, seconds, error, min = 1, onChange }: Props) {
  const { t } = useTranslation();
  const [unit, setUnit] = useState<Unit>(() => (seconds ? unitOf(seconds) : "hours"));
  return (
    <Group gap="xs" align="flex-end" wrap="nowrap">
      <NumberInput
        label={label}
        min={min}
        max={90 * 86_400}
        value={seconds / UNITS[unit]}
        error={error}
        onChange={(value) => onChange(Number(value) * UNITS[unit])}
      />
      <Select
        w={130}
        aria-label={`${label}: ${t("rules.unit")}`}
        allowDeselect={false}
        data={(Object.keys(UNITS) as Unit[]).map((value) => ({ value, label: t(`rules.units.${value}`) }))}
        value={unit}
        onChange={(chosen) => {
          if (!chosen) return;
          setUnit(chosen as Unit);
          onChange((seconds / UNITS[unit]) * UNITS[chosen as Unit]);
        }}
      />
    </Group>
  );
}
