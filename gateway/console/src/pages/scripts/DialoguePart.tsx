import { Button, Stack, Text, Textarea, Title } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import { useTranslation } from "react-i18next";
import { LANGUAGES } from "../../i18n";
import { moved, StepCard } from "../../parts/StepCard";
import type { Faults } from "../rules/Conditions";
import { Duration } from "../rules/Duration";
import { type DialogueDraft, freshStep, NEXT, type StepDraft } from "./draft";
import { faultWords } from "./faults";
import { QuestionFields } from "./QuestionFields";

interface Props {
  dialogue: DialogueDraft;
  faults: Faults;
  onChange: (dialogue: DialogueDraft) => void;
  /** Steps have other places now: what was wrong with them is not known any more. */
  onPlaces: () => void;
}

/** What the script asks, one question after another, and how it ends. */
export function DialoguePart({ dialogue, faults, onChange, onPlaces }: Props) {
  const { t } = useTranslation();
  const { steps } = dialogue;
  const placed = (changed: StepDraft[]) => {
    onPlaces();
    onChange({ ...dialogue, steps: changed });
  };
  const error = (pointer: string) => {
    const reason = faults.get(pointer);
    return reason && faultWords(t, pointer, reason);
  };
  const said = (name: "finish" | "leave", language: string) => (
    <Textarea
      key={language}
      label={t(`dialogue.${name}`, { language: t(`language.${language}`) })}
      description={t(`dialogue.${name}-hint`)}
      autosize
      minRows={1}
      maxRows={8}
      value={dialogue[name][language] ?? ""}
      error={error(`/${name}/${language}`) || error(`/${name}`)}
      onChange={(event) => onChange({ ...dialogue, [name]: { ...dialogue[name], [language]: event.target.value } })}
    />
  );
  return (
    <Stack component="section" gap="sm" aria-label={t("dialogue.title")}>
      <div>
        <Title order={3} size="h5">
          {t("dialogue.title")}
        </Title>
        <Text size="sm" c="dimmed">
          {t("dialogue.text")}
        </Text>
      </div>
      {steps.map((step, number) => (
        <StepCard
          key={step.key}
          number={number}
          count={steps.length}
          title={t("dialogue.question")}
          onMove={(by) => placed(moved(steps, number, by))}
          onRemove={() => placed(without(steps, step))}
        >
          <QuestionFields
            step={step}
            steps={steps}
            place={`/steps/${number}`}
            error={error}
            onChange={(changed) =>
              onChange({ ...dialogue, steps: steps.map((old) => (old.key === step.key ? changed : old)) })
            }
          />
        </StepCard>
      ))}
      <Button
        w="fit-content"
        size="compact-md"
        variant="light"
        leftSection={<IconPlus size={14} />}
        onClick={() => placed([...steps, freshStep()])}
      >
        {t("dialogue.add")}
      </Button>
      {steps.length > 0 && (
        <>
          {LANGUAGES.map((language) => said("finish", language))}
          {LANGUAGES.map((language) => said("leave", language))}
          <Duration
            label={t("dialogue.expires")}
            seconds={dialogue.expires_s}
            error={error("/expires_s")}
            onChange={(expires_s) => onChange({ ...dialogue, expires_s })}
          />
        </>
      )}
    </Stack>
  );
}

/** The questions without one: what led to it leads on. */
function without(steps: StepDraft[], gone: StepDraft): StepDraft[] {
  const left = steps.filter(({ key }) => key !== gone.key);
  return left.map((step) => ({
    ...step,
    otherwise: step.otherwise === gone.id ? "hand_off" : step.otherwise,
    last: step.last === gone.id ? NEXT : step.last,
    branches: step.branches.filter(({ goto }) => goto !== gone.id),
  }));
}
