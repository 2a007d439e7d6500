import { ActionIcon, Button, Card, Group, Menu, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import IconArrowDown from "@tabler/icons-react/icons/IconArrowDown";
import IconArrowUp from "@tabler/icons-react/icons/IconArrowUp";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import type { Script, Vocabulary } from "../../api/types";
import { Weekdays } from "../../parts/Weekdays";
import { ActionFields } from "../rules/ActionsForm";
import { Conditions, type Faults } from "../rules/Conditions";
import { Duration } from "../rules/Duration";
import { faultText } from "../rules/words";
import { asWait, freshStep, KINDS, type StepDraft, waitSeconds } from "./draft";

interface Props {
  steps: StepDraft[];
  faults: Faults;
  scripts: Script[];
  vocabulary: Vocabulary;
  onChange: (steps: StepDraft[]) => void;
}

/** What is said and done, one after another. */
export function StepsForm({ steps, faults, scripts, vocabulary, onChange }: Props) {
  const { t } = useTranslation();
  const move = (number: number, by: number) => {
    const moved = [...steps];
    const [taken] = moved.splice(number, 1);
    if (taken) moved.splice(number + by, 0, taken);
    onChange(moved);
  };
  const fault = faults.get("/steps");
  return (
    <Stack gap="xs">
      {steps.map((step, number) => (
        <Card key={step.id} withBorder padding="sm" role="group" aria-label={`${number + 1}`}>
          <Group justify="space-between" wrap="nowrap" mb={4}>
            <Text size="sm" fw={600} className="wraps">
              {number + 1}. {t(`sequences.do.${String(step.raw.do)}`)}
            </Text>
            <Group gap={2} wrap="nowrap">
              <ActionIcon disabled={number === 0} onClick={() => move(number, -1)} aria-label={t("sequences.step-up")}>
                <IconArrowUp size={16} />
              </ActionIcon>
              <ActionIcon
                disabled={number === steps.length - 1}
                onClick={() => move(number, 1)}
                aria-label={t("sequences.step-down")}
              >
                <IconArrowDown size={16} />
              </ActionIcon>
              <ActionIcon
                onClick={() => onChange(steps.filter(({ id }) => id !== step.id))}
                aria-label={t("sequences.remove-step")}
              >
                <IconX size={16} />
              </ActionIcon>
            </Group>
          </Group>
          <Fields
            step={step}
            place={`/steps/${number}`}
            faults={faults}
            scripts={scripts}
            vocabulary={vocabulary}
            onChange={(changed) => onChange(steps.map((old) => (old.id === step.id ? changed : old)))}
          />
        </Card>
      ))}
      {fault && (
        <Text size="sm" c="var(--mantine-color-error)">
          {t("sequences.fault.steps")}
        </Text>
      )}
      <Menu position="bottom-start" withinPortal>
        <Menu.Target>
          <Button w="fit-content" size="compact-md" variant="light" leftSection={<IconPlus size={14} />}>
            {t("sequences.add-step")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={360} style={{ overflowY: "auto" }}>
          {KINDS.map((kind) => (
            <Menu.Item key={kind} onClick={() => onChange([...steps, freshStep(kind)])}>
              {t(`sequences.do.${kind}`)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Stack>
  );
}

interface FieldsProps {
  step: StepDraft;
  place: string;
  faults: Faults;
  scripts: Script[];
  vocabulary: Vocabulary;
  onChange: (step: StepDraft) => void;
}

function Fields({ step, place, faults, scripts, vocabulary, onChange }: FieldsProps) {
  const { t } = useTranslation();
  const { raw } = step;
  const set = (changes: Record<string, unknown>) => onChange({ ...step, raw: { ...raw, ...changes } });
  const error = (name: string) => {
    const reason = faults.get(`${place}/${name}`);
    return reason && faultText(t, `/${name}`, reason);
  };
  switch (raw.do) {
    case "wait":
      return (
        <Duration
          label={t("rules.wait")}
          seconds={waitSeconds(raw)}
          error={error("seconds")}
          onChange={(seconds) => set(asWait(seconds))}
        />
      );
    case "wait_until":
      return (
        <Stack gap="xs">
          <Group gap="xs" align="flex-start">
            <TextInput
              type="time"
              label={t("sequences.clock")}
              value={String(raw.clock ?? "")}
              error={error("clock")}
              onChange={(event) => set({ clock: event.currentTarget.value })}
            />
            <NumberInput
              label={t("sequences.not-before")}
              min={0}
              max={365}
              allowDecimal={false}
              value={Number(raw.days ?? 0)}
              onChange={(days) => set({ days: Number(days) || 0 })}
            />
          </Group>
          <Weekdays chosen={(raw.weekdays ?? []) as string[]} onChange={(weekdays) => set({ weekdays })} />
        </Stack>
      );
    case "check":
      return (
        <Stack gap="xs">
          {step.when && (
            <Conditions
              group={step.when}
              place={`${place}/when`}
              depth={0}
              faults={faults}
              vocabulary={vocabulary}
              onChange={(when) => onChange({ ...step, when })}
            />
          )}
          <Group gap="xs" align="flex-start">
            <Select
              label={t("sequences.otherwise")}
              allowDeselect={false}
              data={(["finish", "skip"] as const).map((value) => ({ value, label: t(`sequences.else.${value}`) }))}
              value={String(raw.otherwise ?? "finish")}
              onChange={(otherwise) => set({ otherwise })}
            />
            {raw.otherwise === "skip" && (
              <NumberInput
                label={t("sequences.how-many")}
                min={1}
                max={100}
                allowDecimal={false}
                value={Number(raw.skip ?? 1)}
                error={error("skip") && t("sequences.fault.skip")}
                onChange={(skip) => set({ skip: Number(skip) || 1 })}
              />
            )}
          </Group>
        </Stack>
      );
    case "hand_off":
      return (
        <Text size="sm" c={faults.has(place) ? "var(--mantine-color-error)" : "dimmed"}>
          {t("sequences.hand-off-last")}
        </Text>
      );
    default:
      return (
        <ActionFields
          raw={raw}
          place={place}
          faults={faults}
          scripts={scripts}
          onChange={(changed) => onChange({ ...step, raw: changed })}
        />
      );
  }
}
