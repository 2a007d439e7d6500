import { Badge } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Check } from "../../../api/types";

export function OutcomeBadge({ outcome }: { outcome: NonNullable<Check["outcome"]> }) {
  const { t } = useTranslation();
  const color = { passed: "green", failed: "red", open: "gray" }[outcome];
  return (
    <Badge variant="light" tt="none" fw={500} color={color} c="var(--mantine-color-text)">
      {t(`checks.outcome.${outcome}`)}
    </Badge>
  );
}

/** What a check expects, in words. */
export function useExpectation(): (check: Pick<Check, "expects" | "value" | "title">) => string {
  const { t } = useTranslation();
  return ({ expects, value, title }) => t(`checks.expects.${expects}`, { value: title || value });
}
