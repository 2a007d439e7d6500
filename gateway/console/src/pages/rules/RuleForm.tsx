import { Alert, Button, Checkbox, Fieldset, Group, Select, Stack, Switch, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { freshKey } from "../../api/ids";
import { bodyOf, useFaults, useSaveRule, useVocabulary } from "../../api/rules";
import { useScripts } from "../../api/scripts";
import { useSequences } from "../../api/sequences";
import type { Rule, RuleBody } from "../../api/types";
import { showDone } from "../../app/toasts";
import { Failed, Loading } from "../../parts/states";
import { ActionsForm } from "./ActionsForm";
import { BackTestPart } from "./BackTestPart";
import { Conditions } from "./Conditions";
import { CrmProvider, useCopy } from "./crm";
import { Duration } from "./Duration";
import { type ActionDraft, type GroupDraft, readGroup, writeCondition } from "./draft";
import { TriggerPart } from "./TriggerPart";
import { faultText } from "./words";

const TYPING_MS = 400;
const NEW: RuleBody = {
  name: "",
  enabled: true,
  trigger: { on: "message_received", after_s: 0, of: "", cron: "" },
  when: { all: [] },
  actions: [],
  stops: false,
  limit: "always",
  cooldown_s: 0,
  timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
  wakes: false,
  lets_answer: false,
};

interface Props {
  agentId: string;
  known?: Rule;
  mayEdit: boolean;
  onDone: () => void;
}

/** The form, with what the agent's Kommo account has if there is one. */
export function RuleForm(props: Props) {
  const copy = useCopy(props.agentId);
  return (
    <CrmProvider value={copy}>
      <Form {...props} />
    </CrmProvider>
  );
}

/** A rule while it is written: checked as it is typed, tried on what happened. */
function Form({ agentId, known, mayEdit, onDone }: Props) {
  const { t } = useTranslation();
  const [rule, setRule] = useState<RuleBody>(() => (known ? bodyOf(known) : NEW));
  const [when, setWhen] = useState<GroupDraft>(() => readGroup(rule.when ?? {}));
  const [actions, setActions] = useState<ActionDraft[]>(() => rule.actions.map((raw) => ({ id: freshKey(), raw })));
  const [touched, setTouched] = useState(false);
  const vocabulary = useVocabulary();
  const scripts = useScripts(agentId, { enabled: true });
  const sequences = useSequences(agentId);
  const save = useSaveRule(agentId);
  const body = useMemo<RuleBody>(
    () => ({ ...rule, name: rule.name.trim(), when: writeCondition(when), actions: actions.map(({ raw }) => raw) }),
    [rule, when, actions],
  );
  const [settled] = useDebouncedValue(body, TYPING_MS);
  const found = useFaults(agentId, settled, known?.id);
  const faults = useMemo(
    () => new Map(touched ? (found.data?.problems ?? []).map(({ pointer, reason }) => [pointer, reason]) : []),
    [found.data, touched],
  );
  if (vocabulary.isPending) return <Loading />;
  if (vocabulary.isError) return <Failed error={vocabulary.error} again={() => void vocabulary.refetch()} />;
  const set = (changes: Partial<RuleBody>) => {
    setTouched(true);
    setRule((old) => ({ ...old, ...changes }));
  };
  const running = (sequences.data ?? []).filter(({ enabled }) => enabled);
  const error = (pointer: string) => faults.has(pointer) && faultText(t, pointer, faults.get(pointer) ?? "");
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
            label={t("rules.name")}
            required
            withAsterisk={false}
            maxLength={200}
            value={rule.name}
            error={touched && !body.name && t("rules.fault.name")}
            onChange={(event) => set({ name: event.currentTarget.value })}
          />
          <Part title={t("rules.when-title")}>
            <TriggerPart
              agentId={agentId}
              ruleKey={known?.key}
              mayEdit={mayEdit}
              trigger={rule.trigger}
              faults={faults}
              vocabulary={vocabulary.data}
              scripts={scripts.data?.pages[0]?.items ?? []}
              sequences={running}
              onChange={(changed) => set({ trigger: changed })}
            />
          </Part>
          <Part title={t("rules.if-title")}>
            <Conditions
              group={when}
              place="/when"
              depth={0}
              faults={faults}
              vocabulary={vocabulary.data}
              onChange={(changed) => {
                setTouched(true);
                setWhen(changed);
              }}
            />
          </Part>
          <Part title={t("rules.then-title")}>
            <ActionsForm
              actions={actions}
              faults={faults}
              scripts={scripts.data?.pages[0]?.items ?? []}
              sequences={running}
              onChange={(changed) => {
                setTouched(true);
                setActions(changed);
              }}
            />
          </Part>
          <Part title={t("rules.more-title")}>
            <Select
              label={t("rules.limit")}
              allowDeselect={false}
              data={(["always", "once", "daily"] as const).map((value) => ({
                value,
                label: t(`rules.limits.${value}`),
              }))}
              value={rule.limit ?? "always"}
              onChange={(limit) => limit && set({ limit: limit as NonNullable<RuleBody["limit"]> })}
            />
            <Duration
              label={t("rules.cooldown")}
              min={0}
              seconds={rule.cooldown_s ?? 0}
              onChange={(cooldown_s) => set({ cooldown_s })}
            />
            <TextInput
              label={t("rules.timezone")}
              value={rule.timezone ?? ""}
              maxLength={64}
              error={error("/timezone")}
              onChange={(event) => set({ timezone: event.currentTarget.value.trim() })}
            />
            <Checkbox
              label={t("rules.lets-answer")}
              checked={rule.lets_answer ?? false}
              onChange={(event) => set({ lets_answer: event.currentTarget.checked })}
            />
            <Checkbox
              label={t("rules.stops")}
              checked={rule.stops ?? false}
              onChange={(event) => set({ stops: event.currentTarget.checked })}
            />
            <Checkbox
              label={t("rules.wakes")}
              checked={rule.wakes ?? false}
              error={error("/wakes")}
              onChange={(event) => set({ wakes: event.currentTarget.checked })}
            />
            <Switch
              label={t("rules.enabled")}
              checked={rule.enabled ?? true}
              onChange={(event) => set({ enabled: event.currentTarget.checked })}
            />
          </Part>
          {faults.size > 0 && (
            <Alert color="red" variant="light" title={t("rules.not-yet")}>
              <ul>
                {[...faults].map(([pointer, reason]) => (
                  <li key={pointer}>{faultText(t, pointer, reason)}</li>
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
      {mayEdit && (
        <BackTestPart
          agentId={agentId}
          rule={body}
          {...(known ? { ruleId: known.id } : {})}
          edited={touched}
          ready={found.data?.valid ?? false}
        />
      )}
    </form>
  );
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
