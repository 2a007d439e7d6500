import {
  Alert,
  Button,
  Checkbox,
  Fieldset,
  Group,
  MultiSelect,
  NumberInput,
  Stack,
  Switch,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "../../api/problem";
import { useSaveScript } from "../../api/scripts";
import type { Script } from "../../api/types";
import { showDone, showProblem } from "../../app/toasts";
import { LANGUAGES } from "../../i18n";
import { type GroupDraft, readGroup, writeCondition } from "../rules/draft";
import { DialoguePart } from "./DialoguePart";
import { readDialogue, writeDialogue } from "./draft";
import { faultLine, faultWords } from "./faults";
import { Listens } from "./Listens";
import { readShown, ShownPart, writeShown } from "./ShownPart";
import { bodyFrom, listens, type Values, valuesOf } from "./values";
import { WhenPart } from "./WhenPart";

const NOTHING_SHOWN = { buttons: [], attachment: null };
const NO_CONDITION = { id: "", of: "all" as const, items: [] };

interface Props {
  agentId: string;
  known?: Script;
  /** What a new one answers, to begin with. */
  phrase?: string | undefined;
  mayEdit: boolean;
  onDone: () => void;
}

export function ScriptForm({ agentId, known, phrase = "", mayEdit, onDone }: Props) {
  const { t } = useTranslation();
  const save = useSaveScript(agentId, true);
  const [dialogue, setDialogue] = useState(() => readDialogue(known));
  const [shown, setShown] = useState(() => readShown(known));
  const [when, setWhen] = useState(() => readWhen(known));
  const [faults, setFaults] = useState<Map<string, string>>(new Map());
  const form = useForm<Values>({
    initialValues: valuesOf(known, phrase),
    validate: {
      name: (name) => (name.trim() ? null : t("scripts.needs-name")),
      phrases: (_, all) => (listens(all) ? null : t("scripts.needs-phrase")),
    },
  });
  const send = (values: Values) =>
    save.mutate(
      {
        body: {
          ...bodyFrom(values),
          when: writeCondition(when ?? NO_CONDITION),
          ...writeDialogue(dialogue),
          ...(dialogue.steps.length === 0 ? writeShown(shown) : NOTHING_SHOWN),
        },
        ...(known ? { known } : {}),
      },
      {
        onError: (error) => {
          const { status, problem } = asApiError(error);
          const flaws = problem?.errors?.filter(({ pointer }) => pointer) ?? [];
          setFaults(new Map(flaws.map(({ pointer = "", detail }) => [pointer, detail])));
          if (status !== 422 || flaws.length === 0) showProblem(error);
        },
        onSuccess: () => {
          showDone(t("app.saved"));
          onDone();
        },
      },
    );
  const wrong = (pointer: string) => {
    const reason = faults.get(pointer);
    return reason && faultWords(t, pointer, reason);
  };
  return (
    <form onSubmit={form.onSubmit(send)}>
      <Fieldset variant="unstyled" disabled={!mayEdit}>
        <Stack>
          <TextInput
            label={t("scripts.name")}
            required
            withAsterisk={false}
            maxLength={200}
            {...form.getInputProps("name")}
          />
          <Listens form={form} faults={faults} />
          {LANGUAGES.map((language) => (
            <Textarea
              key={language}
              label={t("scripts.answer", { language: t(`language.${language}`) })}
              autosize
              minRows={2}
              maxRows={10}
              {...form.getInputProps(`answer.${language}`)}
              error={wrong(`/answer/${language}`) || wrong("/answer")}
            />
          ))}
          {dialogue.steps.length === 0 && <ShownPart shown={shown} faults={faults} onChange={setShown} />}
          <DialoguePart
            dialogue={dialogue}
            faults={faults}
            onChange={setDialogue}
            onPlaces={() => setFaults(new Map())}
          />
          <WhenPart when={when} faults={faults} onChange={setWhen} />
          <MultiSelect
            label={t("scripts.languages")}
            description={t("scripts.languages-hint")}
            data={LANGUAGES.map((value) => ({ value, label: t(`language.${value}`) }))}
            {...form.getInputProps("languages")}
          />
          <NumberInput
            label={t("scripts.priority")}
            description={t("scripts.priority-hint")}
            min={-1000}
            max={1000}
            allowDecimal={false}
            {...form.getInputProps("priority")}
          />
          <Checkbox label={t("scripts.alone")} {...form.getInputProps("alone", { type: "checkbox" })} />
          <Checkbox
            label={t("scripts.passes-on")}
            description={dialogue.steps.length > 0 && t("dialogue.passes-on-hint")}
            {...form.getInputProps("handoff", { type: "checkbox" })}
          />
          <Switch label={t("scripts.enabled")} {...form.getInputProps("enabled", { type: "checkbox" })} />
          {faults.size > 0 && (
            <Alert color="red" variant="light" role="alert" title={t("rules.not-yet")}>
              <ul>
                {[...faults].map(([pointer, reason]) => (
                  <li key={pointer}>{faultLine(t, pointer, reason)}</li>
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
    </form>
  );
}

function readWhen(known: Script | undefined): GroupDraft | null {
  const group = readGroup(known?.when ?? { all: [] });
  return group.items.length ? group : null;
}
