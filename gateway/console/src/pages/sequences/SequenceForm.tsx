import { Alert, Button, Checkbox, Fieldset, Group, Select, Stack, Switch, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { freshKey } from "../../api/ids";
import { useVocabulary } from "../../api/rules";
import { useScripts } from "../../api/scripts";
import { bodyOf, useSaveSequence, useSequenceFaults } from "../../api/sequences";
import type { Sequence, SequenceBody } from "../../api/types";
import { showDone } from "../../app/toasts";
import { Hours } from "../../parts/Hours";
import { Failed, Loading } from "../../parts/states";
import { Conditions } from "../rules/Conditions";
import { CrmProvider, useCopy } from "../rules/crm";
import { Duration } from "../rules/Duration";
import { freshTest, type GroupDraft, readGroup, writeCondition } from "../rules/draft";
import { faultText } from "../rules/words";
import { readStep, type StepDraft, writeStep } from "./draft";
import { PreviewPart } from "./PreviewPart";
import { StepsForm } from "./StepsForm";

const TYPING_MS = 400;
const STOPS_ON = ["replied", "handed_off", "lead_moved"] as const;
const AGAIN = ["never", "ended", "restart"] as const;
const NEW: SequenceBody = {
  name: "",
  enabled: true,
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
  hours: { from: "09:00", to: "20:00", quiet_from: "", quiet_to: "", weekdays: [] },
  stops_on: ["replied", "handed_off"],
  again: "never",
  again_after_s: 0,
  goal: null,
  listens_s: 86_400,
  steps: [],
};

interface Props {
  agentId: string;
  known?: Sequence;
  mayEdit: boolean;
  onDone: () => void;
}

/** The form, with what the agent's Kommo account has if there is one. */
export function SequenceForm(props: Props) {
  const copy = useCopy(props.agentId);
  return (
    <CrmProvider value={copy}>
      <Form {...props} />
    </CrmProvider>
  );
}

/** A sequence while it is written: checked as it is typed, tried on dates. */
function Form({ agentId, known, mayEdit, onDone }: Props) {
  const { t } = useTranslation();
  const [sequence, setSequence] = useState<SequenceBody>(() => (known ? bodyOf(known) : NEW));
  const [steps, setSteps] = useState<StepDraft[]>(() => sequence.steps.map(readStep));
  const [goal, setGoal] = useState<GroupDraft | null>(() => (sequence.goal ? readGroup(sequence.goal) : null));
  const [touched, setTouched] = useState(false);
  const vocabulary = useVocabulary();
  const scripts = useScripts(agentId, { enabled: true });
  const save = useSaveSequence(agentId);
  const body = useMemo<SequenceBody>(
    () => ({
      ...sequence,
      name: sequence.name.trim(),
      steps: steps.map(writeStep),
      goal: goal ? writeCondition(goal) : null,
    }),
    [sequence, steps, goal],
  );
  const [settled] = useDebouncedValue(body, TYPING_MS);
  const found = useSequenceFaults(agentId, settled);
  const faults = useMemo(
    () => new Map(touched ? (found.data?.problems ?? []).map(({ pointer, reason }) => [pointer, reason]) : []),
    [found.data, touched],
  );
  if (vocabulary.isPending) return <Loading />;
  if (vocabulary.isError) return <Failed error={vocabulary.error} again={() => void vocabulary.refetch()} />;
  const set = (changes: Partial<SequenceBody>) => {
    setTouched(true);
    setSequence((old) => ({ ...old, ...changes }));
  };
  const stops = sequence.stops_on ?? [];
  const send = () =>
    save.mutate(
      { body, ...(known ? { known } : {}) },
      {
        onSuccess: () => {
          showDone(t("app.saved"));
          onDone();
        },
      },
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setTouched(true);
        // What was typed last may not be looked at yet: then the server says whether it can be saved.
        const looked = settled === body && !found.isPlaceholderData;
        if (body.name && !(looked && found.data?.valid === false)) send();
      }}
    >
      <Fieldset variant="unstyled" disabled={!mayEdit}>
        <Stack gap="lg">
          <TextInput
            label={t("sequences.name")}
            required
            withAsterisk={false}
            maxLength={200}
            value={sequence.name}
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
          <Part title={t("sequences.steps-title")}>
            <StepsForm
              steps={steps}
              faults={faults}
              scripts={scripts.data?.pages[0]?.items ?? []}
              vocabulary={vocabulary.data}
              onChange={(changed) => {
                setTouched(true);
                setSteps(changed);
              }}
            />
          </Part>
          <Part title={t("sequences.hours-title")}>
            <Hours
              hours={sequence.hours ?? {}}
              timezone={sequence.timezone ?? ""}
              timezoneHint={t("sequences.timezone-hint")}
              faults={faults}
              onHours={(hours) => set({ hours })}
              onTimezone={(timezone) => set({ timezone })}
            />
          </Part>
          <Part title={t("sequences.end-title")}>
            {STOPS_ON.map((name) => (
              <Checkbox
                key={name}
                label={t(`sequences.stops.${name}`)}
                checked={stops.includes(name)}
                onChange={(event) =>
                  set({
                    stops_on: STOPS_ON.filter((one) =>
                      one === name ? event.currentTarget.checked : stops.includes(one),
                    ),
                  })
                }
              />
            ))}
            <Switch
              label={t("sequences.has-goal")}
              checked={goal !== null}
              onChange={(event) => {
                setTouched(true);
                setGoal(event.currentTarget.checked ? { id: freshKey(), of: "all", items: [freshTest()] } : null);
              }}
            />
            {goal && (
              <Conditions
                group={goal}
                place="/goal"
                depth={0}
                faults={faults}
                vocabulary={vocabulary.data}
                onChange={(changed) => {
                  setTouched(true);
                  setGoal(changed);
                }}
              />
            )}
            <Duration
              label={t("sequences.listens")}
              seconds={sequence.listens_s ?? 86_400}
              onChange={(listens_s) => set({ listens_s: Math.max(60, listens_s) })}
            />
          </Part>
          <Part title={t("sequences.again-title")}>
            <Select
              aria-label={t("sequences.again-title")}
              allowDeselect={false}
              data={AGAIN.map((value) => ({ value, label: t(`sequences.again.${value}`) }))}
              value={sequence.again ?? "never"}
              onChange={(again) => again && set({ again: again as (typeof AGAIN)[number] })}
            />
            {sequence.again === "ended" && (
              <Duration
                label={t("sequences.again-after")}
                min={0}
                seconds={sequence.again_after_s ?? 0}
                onChange={(again_after_s) => set({ again_after_s })}
              />
            )}
            <Switch
              label={t("sequences.enabled")}
              checked={sequence.enabled ?? true}
              onChange={(event) => set({ enabled: event.currentTarget.checked })}
            />
          </Part>
          {faults.size > 0 && (
            <Alert color="red" variant="light" title={t("rules.not-yet")}>
              <ul>
                {[...faults].map(([pointer, reason]) => (
                  <li key={pointer}>{sequenceFault(t, pointer, reason)}</li>
                ))}
              </ul>
            </Alert>
          )}
          {mayEdit && (
            <Group justify="flex-end">
              <Button variant="default" onClick={onDone}>
                {t("app.cancel")}
              </Button>
              <Button type="submit" loading={save.isPending}>
                {t("app.save")}
              </Button>
            </Group>
          )}
        </Stack>
      </Fieldset>
      <PreviewPart agentId={agentId} sequence={body} ready={found.data?.valid ?? false} />
    </form>
  );
}

/** What is wrong, in our words where we have some. */
function sequenceFault(t: ReturnType<typeof useTranslation>["t"], pointer: string, reason: string): string {
  const name = pointer.split("/").at(-1) ?? "";
  const number = /^\/steps\/(?<number>\d+)/.exec(pointer)?.groups?.number;
  const words = t(`sequences.fault.${name}`, { defaultValue: "" }) || faultText(t, pointer, reason);
  return number === undefined ? words : t("sequences.in-step", { number: Number(number) + 1, words });
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack component="section" gap="sm">
      <Title order={3} size="h5">
        {title}
      </Title>
      {children}
    </Stack>
  );
}
