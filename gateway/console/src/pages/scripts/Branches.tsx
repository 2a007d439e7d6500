import { ActionIcon, Button, Group, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import classes from "../rules/Rules.module.css";
import {
  type BranchDraft,
  ENDS,
  freshBranch,
  NEXT,
  operatorsOf,
  type StepDraft,
  type StepProps,
  type TestDraft,
} from "./draft";

/** Where an answer leads: what is true first counts, else the last line. */
export function Branches({ step, steps, place, error, onChange }: StepProps) {
  const { t } = useTranslation();
  const { branches } = step;
  const set = (changed: BranchDraft) =>
    onChange({ ...step, branches: branches.map((old) => (old.key === changed.key ? changed : old)) });
  return (
    <Stack gap="xs" role="group" aria-label={t("dialogue.branches")}>
      <Text size="sm" fw={500}>
        {t("dialogue.branches")}
      </Text>
      {branches.map((branch, number) => (
        <Stack key={branch.key} gap={4} className={classes.question}>
          <Group gap="xs" align="flex-end" wrap="nowrap">
            {branch.when ? (
              <Text size="sm" flex={1} className="wraps">
                {t("dialogue.own-condition")}
              </Text>
            ) : (
              <Test step={step} test={branch.test} onChange={(test) => set({ ...branch, test })} />
            )}
            <ActionIcon
              mb={4}
              aria-label={t("dialogue.remove-branch")}
              onClick={() => onChange({ ...step, branches: branches.filter(({ key }) => key !== branch.key) })}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
          <Goto
            label={t("dialogue.then")}
            step={step}
            steps={steps}
            value={branch.goto}
            error={error(`${place}/next/${number}/goto`) || error(`${place}/next/${number}/when/value`)}
            onChange={(goto) => set({ ...branch, goto })}
          />
        </Stack>
      ))}
      <Button
        w="fit-content"
        size="compact-sm"
        variant="subtle"
        leftSection={<IconPlus size={14} />}
        onClick={() => onChange({ ...step, branches: [...branches, freshBranch(step)] })}
      >
        {t("dialogue.add-branch")}
      </Button>
      <Goto
        label={t(branches.length ? "dialogue.else" : "dialogue.after")}
        step={step}
        steps={steps}
        follows
        value={step.last}
        error={error(`${place}/next`) || error(`${place}/next/${branches.length}/goto`)}
        onChange={(last) => onChange({ ...step, last })}
      />
    </Stack>
  );
}

interface TestProps {
  step: StepDraft;
  test: TestDraft;
  onChange: (test: TestDraft) => void;
}

function Test({ step, test, onChange }: TestProps) {
  const { t, i18n } = useTranslation();
  const operators = operatorsOf(step.expects);
  if (step.expects === "choice" || step.expects === "yes_no") {
    const data =
      step.expects === "choice"
        ? step.options.map((option, number) => ({
            value: option.key,
            label: option.label[i18n.language] || option.value || t("dialogue.option-number", { number: number + 1 }),
          }))
        : (["yes", "no"] as const).map((value) => ({ value, label: t(`rules.${value}`) }));
    return (
      <Select
        flex={1}
        label={t("dialogue.if-answer")}
        allowDeselect={false}
        data={data}
        value={String(test.value)}
        onChange={(value) => value && onChange({ ...test, value })}
      />
    );
  }
  return (
    <>
      <Select
        flex={1}
        label={t("dialogue.if-answer")}
        allowDeselect={false}
        data={operators.map((value) => ({ value, label: t(`rules.op.${value}`) }))}
        value={test.op}
        onChange={(op) => op && onChange({ ...test, op })}
      />
      {step.expects === "number" ? (
        <NumberInput
          flex={1}
          aria-label={t("rules.value")}
          value={Number(test.value)}
          onChange={(value) => onChange({ ...test, value: Number(value) })}
        />
      ) : (
        <TextInput
          flex={1}
          aria-label={t("rules.value")}
          maxLength={500}
          value={String(test.value)}
          onChange={(event) => onChange({ ...test, value: event.target.value })}
        />
      )}
    </>
  );
}

interface GotoProps {
  label: string;
  step: StepDraft;
  steps: StepDraft[];
  /** The next question may be chosen by being the next one. */
  follows?: boolean;
  value: string;
  error?: string | undefined;
  onChange: (target: string) => void;
}

export function Goto({ label, step, steps, follows = false, value, error, onChange }: GotoProps) {
  const { t, i18n } = useTranslation();
  const last = steps.at(-1)?.key === step.key;
  const words = ({ ask }: StepDraft) =>
    ask[i18n.language] || Object.values(ask).find(Boolean) || t("dialogue.question");
  const data = [
    ...(follows ? [{ value: NEXT, label: t(last ? "dialogue.goto.end" : "dialogue.goto.next") }] : []),
    ...steps.map((other, number) => ({ value: other.id, label: `${number + 1}. ${words(other)}` })),
    ...ENDS.map((end) => ({ value: end, label: t(`dialogue.goto.${end}`) })),
  ];
  return (
    <Select
      label={label}
      allowDeselect={false}
      data={data}
      value={value}
      error={error}
      onChange={(target) => target && onChange(target)}
    />
  );
}
