import { ActionIcon, Card, Group, Text } from "@mantine/core";
import IconArrowDown from "@tabler/icons-react/icons/IconArrowDown";
import IconArrowUp from "@tabler/icons-react/icons/IconArrowUp";
import IconX from "@tabler/icons-react/icons/IconX";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

interface Props {
  number: number;
  count: number;
  title: string;
  onMove: (by: number) => void;
  onRemove: () => void;
  children: ReactNode;
}

/** One of several steps in their order; `number` counts from 0. */
export function StepCard({ number, count, title, onMove, onRemove, children }: Props) {
  const { t } = useTranslation();
  return (
    <Card withBorder padding="sm" role="group" aria-label={`${number + 1}`}>
      <Group justify="space-between" wrap="nowrap" mb={4}>
        <Text size="sm" fw={600} className="wraps">
          {number + 1}. {title}
        </Text>
        <Group gap={2} wrap="nowrap">
          <ActionIcon disabled={number === 0} onClick={() => onMove(-1)} aria-label={t("sequences.step-up")}>
            <IconArrowUp size={16} />
          </ActionIcon>
          <ActionIcon disabled={number === count - 1} onClick={() => onMove(1)} aria-label={t("sequences.step-down")}>
            <IconArrowDown size={16} />
          </ActionIcon>
          <ActionIcon onClick={onRemove} aria-label={t("sequences.remove-step")}>
            <IconX size={16} />
          </ActionIcon>
        </Group>
      </Group>
      {children}
    </Card>
  );
}

/** The list with one item moved. */
export function moved<T>(items: T[], number: number, by: number): T[] {
  const list = [...items];
  const [taken] = list.splice(number, 1);
  if (taken !== undefined) list.splice(number + by, 0, taken);
  return list;
}
