import {
  Button,
  Fieldset,
  Group,
  MultiSelect,
  NumberInput,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { useSaveAgent } from "../../api/agents";
import { faultsBelow, isStale } from "../../api/problem";
import type { AgentDraft } from "../../api/types";
import { showDone } from "../../app/toasts";
import { LANGUAGES } from "../../i18n";
import { Hours, type HoursValue } from "../../parts/Hours";
import { Refusal } from "../../parts/states";

const TEXTS = ["greeting", "fallback_text", "handoff_text", "choices_text", "overdue_text", "outside_text"] as const;
const MINUTE_S = 60;
type Texts = Record<string, string>;

interface Values extends Record<(typeof TEXTS)[number], Texts> {
  name: string;
  languages: string[];
  instructions: string;
  model: string;
  fallback_model: string;
  temperature: number | string;
  max_tokens: number | string;
  answers_per_day: number | string;
  hours: HoursValue;
  timezone: string;
  answer_deadline_s: number | string;
  handoff_limit_min: number | string;
  waiting_min: number | string;
  strict: boolean;
}

/** Who answers, how it speaks, and what it says when it does not know. Customers see it after publishing. */
export function PersonaForm({ agent, mayEdit }: { agent: AgentDraft; mayEdit: boolean }) {
  const { t } = useTranslation();
  const save = useSaveAgent();
  const form = useForm<Values>({
    initialValues: valuesOf(agent),
    validate: {
      name: (name) => (name.trim() ? null : t("agents.needs-name")),
      languages: (languages) => (languages.length ? null : t("agents.needs-language")),
    },
  });
  const send = (values: Values) => {
    const { name, handoff_limit_min: limit, waiting_min: waiting, ...persona } = values;
    const texts = Object.fromEntries(TEXTS.map((text) => [text, withWords(values[text])]));
    save.mutate(
      {
        agent,
        name: name.trim(),
        persona: {
          ...persona,
          ...texts,
          name: name.trim(),
          temperature: Number(values.temperature),
          max_tokens: Number(values.max_tokens),
          answers_per_day: Number(values.answers_per_day),
          answer_deadline_s: Number(values.answer_deadline_s),
          handoff_limit_s: Number(limit) * MINUTE_S,
          waiting_s: Number(waiting) * MINUTE_S,
        },
      },
      { onSuccess: () => showDone(t("agents.saved")) },
    );
  };
  return (
    <form onSubmit={form.onSubmit(send)}>
      <Fieldset variant="unstyled" disabled={!mayEdit}>
        <Stack>
          <Group grow align="flex-start" preventGrowOverflow={false}>
            <TextInput
              label={t("agents.name")}
              description={t("agents.name-hint")}
              maxLength={200}
              miw={220}
              {...form.getInputProps("name")}
            />
            <MultiSelect
              label={t("agents.languages")}
              description={t("agents.languages-hint")}
              miw={220}
              data={LANGUAGES.map((value) => ({ value, label: t(`language.${value}`) }))}
              {...form.getInputProps("languages")}
            />
          </Group>
          <Textarea
            label={t("agents.instructions")}
            description={t("agents.instructions-hint")}
            autosize
            minRows={3}
            maxRows={14}
            {...form.getInputProps("instructions")}
          />
          {TEXTS.map((text) => (
            <Fieldset key={text} legend={t(`agents.${text}`)}>
              <Stack gap="sm">
                {text === "greeting" && (
                  <Text size="sm" c="dimmed">
                    {t("agents.greeting-hint")}
                  </Text>
                )}
                {LANGUAGES.map((language) => (
                  <Textarea
                    key={language}
                    label={t(`language.${language}`)}
                    autosize
                    minRows={2}
                    maxRows={8}
                    {...form.getInputProps(`${text}.${language}`)}
                  />
                ))}
              </Stack>
            </Fieldset>
          ))}
          <Fieldset legend={t("agents.hours")}>
            <Text size="sm" c="dimmed" mb="xs">
              {t("agents.hours-hint")}
            </Text>
            <Hours
              hours={form.values.hours}
              timezone={form.values.timezone}
              timezoneHint={t("agents.timezone-hint")}
              faults={faultsBelow(save.error, "/persona")}
              onHours={(hours) => {
                save.reset();
                form.setFieldValue("hours", hours);
              }}
              onTimezone={(timezone) => form.setFieldValue("timezone", timezone)}
            />
          </Fieldset>
          <Group grow align="flex-start" preventGrowOverflow={false}>
            <TextInput
              label={t("agents.model")}
              description={t("agents.model-hint")}
              miw={220}
              {...form.getInputProps("model")}
            />
            <TextInput
              label={t("agents.fallback-model")}
              description={t("agents.fallback-model-hint")}
              miw={220}
              {...form.getInputProps("fallback_model")}
            />
            <NumberInput
              label={t("agents.temperature")}
              description={t("agents.temperature-hint")}
              miw={220}
              min={0}
              max={2}
              step={0.1}
              decimalScale={2}
              {...form.getInputProps("temperature")}
            />
            <NumberInput
              label={t("agents.longest")}
              description={t("agents.longest-hint")}
              miw={220}
              min={16}
              max={4096}
              allowDecimal={false}
              suffix={t("agents.tokens")}
              {...form.getInputProps("max_tokens")}
            />
          </Group>
          <Group grow align="flex-start" preventGrowOverflow={false}>
            <NumberInput
              label={t("agents.deadline")}
              description={t("agents.deadline-hint")}
              miw={220}
              min={1}
              max={300}
              suffix={t("agents.seconds")}
              {...form.getInputProps("answer_deadline_s")}
            />
            <NumberInput
              label={t("agents.limit")}
              description={t("agents.limit-hint")}
              miw={220}
              min={1}
              max={1440}
              suffix={t("agents.minutes")}
              {...form.getInputProps("handoff_limit_min")}
            />
            <NumberInput
              label={t("agents.waiting")}
              description={t("agents.waiting-hint")}
              miw={220}
              min={0}
              max={43200}
              suffix={t("agents.minutes")}
              {...form.getInputProps("waiting_min")}
            />
            <NumberInput
              label={t("agents.answers-per-day")}
              description={t("agents.answers-per-day-hint")}
              miw={220}
              min={0}
              max={1000}
              allowDecimal={false}
              {...form.getInputProps("answers_per_day")}
            />
          </Group>
          <Switch
            label={t("agents.strict")}
            description={t("agents.strict-hint")}
            {...form.getInputProps("strict", { type: "checkbox" })}
          />
          {save.error && !isStale(save.error) && <Refusal error={save.error} />}
          {mayEdit && (
            <Group justify="flex-end">
              <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
                {t("agents.save")}
              </Button>
            </Group>
          )}
        </Stack>
      </Fieldset>
    </form>
  );
}

function valuesOf({ name, persona }: AgentDraft): Values {
  const blank = { ru: "", en: "" };
  return {
    name,
    languages: persona.languages,
    instructions: persona.instructions,
    model: persona.model,
    fallback_model: persona.fallback_model,
    temperature: persona.temperature,
    max_tokens: persona.max_tokens,
    answers_per_day: persona.answers_per_day,
    hours: persona.hours as HoursValue,
    timezone: persona.timezone,
    strict: persona.strict,
    greeting: { ...blank, ...persona.greeting },
    fallback_text: { ...blank, ...persona.fallback_text },
    handoff_text: { ...blank, ...persona.handoff_text },
    choices_text: { ...blank, ...persona.choices_text },
    overdue_text: { ...blank, ...persona.overdue_text },
    outside_text: { ...blank, ...persona.outside_text },
    answer_deadline_s: persona.answer_deadline_s,
    handoff_limit_min: persona.handoff_limit_s / MINUTE_S,
    waiting_min: persona.waiting_s / MINUTE_S,
  };
}

function withWords(texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text.trim()));
}
