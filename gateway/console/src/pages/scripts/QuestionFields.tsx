import {
  ActionIcon,
  Button,
  Group,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
  UnstyledButton,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconChevron from "@tabler/icons-react/icons/IconChevronDown";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import { LANGUAGES } from "../../i18n";
import { Branches, Goto } from "./Branches";
import { EXPECTS, type Expects, expecting, freshOption, labelled, type StepDraft, type StepProps } from "./draft";

/** A question: its words, the answer that is expected, what is remembered, where it goes on. */
export function QuestionFields({ step, steps, place, error, onChange }: StepProps) {
  const { t } = useTranslation();
  const set = (changes: Partial<StepDraft>) => onChange({ ...step, ...changes });
  const wrong = error(place) || error(`${place}/id`);
  return (
    <Stack gap="xs">
      {wrong && (
        <Text size="sm" c="var(--mantine-color-error)">
          {wrong}
        </Text>
      )}
      {LANGUAGES.map((language) => (
        <Textarea
          key={language}
          label={t("dialogue.ask", { language: t(`language.${language}`) })}
          autosize
          minRows={1}
          maxRows={8}
          value={step.ask[language] ?? ""}
          error={error(`${place}/ask/${language}`) || error(`${place}/ask`)}
          onChange={(event) => set({ ask: { ...step.ask, [language]: event.target.value } })}
        />
      ))}
      <Select
        label={t("dialogue.expects")}
        allowDeselect={false}
        data={EXPECTS.map((value) => ({ value, label: t(`dialogue.kind.${value}`) }))}
        value={step.expects}
        error={error(`${place}/expects`)}
        onChange={(expects) => expects && onChange(expecting(step, expects as Expects))}
      />
      {step.expects === "choice" && <Options step={step} place={place} error={error} onChange={onChange} />}
      {step.expects === "number" && (
        <Group gap="xs" align="flex-start" grow>
          {(["min", "max"] as const).map((name) => (
            <NumberInput
              key={name}
              label={t(`dialogue.${name}`)}
              value={step[name] ?? ""}
              error={error(`${place}/${name}`)}
              onChange={(value) => set({ [name]: value === "" ? null : Number(value) })}
            />
          ))}
        </Group>
      )}
      <TextInput
        label={t("dialogue.remember")}
        description={t("dialogue.remember-hint", { name: step.remember || "name" })}
        maxLength={64}
        value={step.remember}
        error={error(`${place}/remember`)}
        onChange={(event) => set({ remember: event.target.value })}
      />
      <Branches step={step} steps={steps} place={place} error={error} onChange={onChange} />
      <Otherwise step={step} steps={steps} place={place} error={error} onChange={onChange} />
    </Stack>
  );
}

function Options({ step, place, error, onChange }: Omit<StepProps, "steps">) {
  const { t } = useTranslation();
  const { options } = step;
  const fault = error(`${place}/options`);
  return (
    <Stack gap="xs" role="group" aria-label={t("dialogue.options")}>
      <Text size="sm" fw={500}>
        {t("dialogue.options")}
      </Text>
      {options.map((option, number) => (
        <Group key={option.key} gap="xs" align="flex-end" wrap="nowrap">
          {LANGUAGES.map((language) => (
            <TextInput
              key={language}
              flex={1}
              label={t("dialogue.option", { number: number + 1, language: t(`language.${language}`) })}
              maxLength={100}
              value={option.label[language] ?? ""}
              error={error(`${place}/options/${number}/label/${language}`) || error(`${place}/options/${number}/value`)}
              onChange={(event) => {
                const changed = labelled(option, language, event.target.value);
                onChange({ ...step, options: options.map((old) => (old.key === option.key ? changed : old)) });
              }}
            />
          ))}
          <ActionIcon
            mb={4}
            aria-label={t("dialogue.remove-option", { number: number + 1 })}
            onClick={() =>
              onChange({
                ...step,
                options: options.filter(({ key }) => key !== option.key),
                branches: step.branches.filter(({ test }) => test.value !== option.key),
              })
            }
          >
            <IconX size={16} />
          </ActionIcon>
        </Group>
      ))}
      {fault && (
        <Text size="sm" c="var(--mantine-color-error)">
          {fault}
        </Text>
      )}
      <Button
        w="fit-content"
        size="compact-sm"
        variant="subtle"
        leftSection={<IconPlus size={14} />}
        onClick={() => onChange({ ...step, options: [...options, freshOption()] })}
      >
        {t("dialogue.add-option")}
      </Button>
    </Stack>
  );
}

/** What happens to an answer that does not fit; few need other than what is there. */
function Otherwise({ step, steps, place, error, onChange }: StepProps) {
  const { t } = useTranslation();
  const [opened, toggle] = useDisclosure(Object.keys(step.retry).length > 0);
  const set = (changes: Partial<StepDraft>) => onChange({ ...step, ...changes });
  const retry = (language: string) => error(`${place}/retry/${language}`);
  const faulty =
    LANGUAGES.some(retry) || ["attempts", "otherwise", "pattern"].some((name) => error(`${place}/${name}`));
  return (
    <>
      <UnstyledButton onClick={toggle.toggle} aria-expanded={opened || faulty} w="fit-content">
        <Group gap={4}>
          <IconChevron size={16} transform={opened || faulty ? "rotate(180)" : undefined} />
          <Text size="sm">{t("dialogue.not-fit")}</Text>
        </Group>
      </UnstyledButton>
      {(opened || faulty) && (
        <Stack gap="xs">
          {step.expects === "text" && (
            <TextInput
              label={t("dialogue.pattern")}
              description={t("dialogue.pattern-hint")}
              maxLength={500}
              value={step.pattern}
              error={error(`${place}/pattern`)}
              onChange={(event) => set({ pattern: event.target.value })}
            />
          )}
          {LANGUAGES.map((language) => (
            <Textarea
              key={language}
              label={t("dialogue.retry", { language: t(`language.${language}`) })}
              description={t("dialogue.retry-hint")}
              autosize
              minRows={1}
              maxRows={6}
              value={step.retry[language] ?? ""}
              error={retry(language)}
              onChange={(event) => set({ retry: { ...step.retry, [language]: event.target.value } })}
            />
          ))}
          <NumberInput
            label={t("dialogue.attempts")}
            min={1}
            max={10}
            allowDecimal={false}
            value={step.attempts}
            error={error(`${place}/attempts`)}
            onChange={(value) => set({ attempts: Number(value) || 1 })}
          />
          <Goto
            label={t("dialogue.otherwise")}
            step={step}
            steps={steps}
            value={step.otherwise}
            error={error(`${place}/otherwise`)}
            onChange={(otherwise) => set({ otherwise })}
          />
        </Stack>
      )}
    </>
  );
}
