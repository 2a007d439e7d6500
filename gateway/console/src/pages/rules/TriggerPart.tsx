import { Select, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { RuleBody, Script, Sequence, Vocabulary } from "../../api/types";
import type { Faults } from "./Conditions";
import { Duration } from "./Duration";
import { WebhookPart } from "./WebhookPart";
import { faultText } from "./words";

const SILENCE = new Set(["no_reply", "no_answer"]);
const SCRIPTS = new Set(["script_matched", "script_finished"]);

type Trigger = RuleBody["trigger"];

interface Props {
  agentId: string;
  ruleKey: string | undefined;
  mayEdit: boolean;
  trigger: Trigger;
  faults: Faults;
  vocabulary: Vocabulary;
  scripts: Script[];
  sequences: Sequence[];
  onChange: (trigger: Trigger) => void;
}

/** What wakes a rule. */
export function TriggerPart({ trigger, faults, vocabulary, scripts, sequences, onChange, ...rule }: Props) {
  const { t } = useTranslation();
  const error = (name: string) => {
    const reason = faults.get(`/trigger/${name}`);
    return reason && faultText(t, `/${name}`, reason);
  };
  const which = (label: string, any: string, data: { value: string; label: string }[]) => (
    <Select
      label={label}
      clearable
      clearButtonProps={{ "aria-label": any }}
      placeholder={any}
      data={data}
      value={trigger.of || null}
      error={error("of")}
      onChange={(of) => onChange({ ...trigger, of: of ?? "" })}
    />
  );
  const named = (items: (Script | Sequence)[]) => items.map(({ key, name }) => ({ value: key, label: name }));
  return (
    <>
      <Select
        label={t("rules.trigger")}
        allowDeselect={false}
        data={vocabulary.triggers.map((value) => ({ value, label: t(`rules.on.${value}`) }))}
        value={trigger.on}
        onChange={(on) =>
          on &&
          onChange({
            on: on as Trigger["on"],
            after_s: SILENCE.has(on) ? trigger.after_s || 3600 : 0,
            of: "",
            cron: on === "schedule" ? "0 9 * * 1-5" : "",
          })
        }
      />
      {SILENCE.has(trigger.on) && (
        <Duration
          label={t("rules.after")}
          seconds={trigger.after_s ?? 0}
          error={error("after_s") || undefined}
          onChange={(after_s) => onChange({ ...trigger, after_s })}
        />
      )}
      {trigger.on === "tag_set" && (
        <TextInput
          label={t("rules.which-tag")}
          maxLength={64}
          value={trigger.of ?? ""}
          onChange={(event) => onChange({ ...trigger, of: event.currentTarget.value })}
        />
      )}
      {trigger.on === "schedule" && (
        <TextInput
          label={t("rules.cron")}
          description={t("rules.cron-hint")}
          maxLength={100}
          value={trigger.cron ?? ""}
          error={error("cron")}
          onChange={(event) => onChange({ ...trigger, cron: event.currentTarget.value })}
        />
      )}
      {trigger.on === "webhook" && <WebhookPart {...rule} />}
      {SCRIPTS.has(trigger.on) && which(t("rules.which-script"), t("rules.any-script"), named(scripts))}
      {trigger.on === "sequence_finished" &&
        which(t("rules.which-sequence"), t("rules.whichever-sequence"), named(sequences))}
    </>
  );
}
