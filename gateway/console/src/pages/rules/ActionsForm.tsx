import { ActionIcon, Button, Card, Group, Menu, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import IconArrowDown from "@tabler/icons-react/icons/IconArrowDown";
import IconArrowUp from "@tabler/icons-react/icons/IconArrowUp";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import { choices, useColleagues } from "../../api/colleagues";
import type { Script, Sequence } from "../../api/types";
import { useMay } from "../../app/session";
import { LANGUAGES } from "../../i18n";
import type { Faults } from "./Conditions";
import { CRM_KINDS, CrmFields } from "./CrmFields";
import { Duration } from "./Duration";
import { type ActionDraft, freshAction } from "./draft";
import { faultText } from "./words";

const KINDS = [
  "send",
  "send_script",
  "add_tag",
  "remove_tag",
  "set_variable",
  "hand_off",
  "assign",
  "call_webhook",
  "notify",
  "start_sequence",
  "stop_sequence",
  "stop",
  "wait",
  ...CRM_KINDS,
] as const;

interface Props {
  actions: ActionDraft[];
  faults: Faults;
  scripts: Script[];
  sequences: Sequence[];
  /** Kinds that make no sense here. */
  without?: readonly string[];
  onChange: (actions: ActionDraft[]) => void;
}

/** What a rule does, one after another. */
export function ActionsForm({ actions, faults, scripts, sequences, without = [], onChange }: Props) {
  const { t } = useTranslation();
  const move = (number: number, by: number) => {
    const moved = [...actions];
    const [taken] = moved.splice(number, 1);
    if (taken) moved.splice(number + by, 0, taken);
    onChange(moved);
  };
  const fault = faults.get("/actions");
  return (
    <Stack gap="xs">
      {actions.map((action, number) => (
        <Card key={action.id} withBorder padding="sm">
          <Group justify="space-between" wrap="nowrap" mb={4}>
            <Text size="sm" fw={600}>
              {number + 1}. {t(`rules.do.${String(action.raw.do)}`)}
            </Text>
            <Group gap={2} wrap="nowrap">
              <ActionIcon disabled={number === 0} onClick={() => move(number, -1)} aria-label={t("rules.action-up")}>
                <IconArrowUp size={16} />
              </ActionIcon>
              <ActionIcon
                disabled={number === actions.length - 1}
                onClick={() => move(number, 1)}
                aria-label={t("rules.action-down")}
              >
                <IconArrowDown size={16} />
              </ActionIcon>
              <ActionIcon
                onClick={() => onChange(actions.filter(({ id }) => id !== action.id))}
                aria-label={t("rules.remove-action")}
              >
                <IconX size={16} />
              </ActionIcon>
            </Group>
          </Group>
          <ActionFields
            raw={action.raw}
            place={`/actions/${number}`}
            faults={faults}
            scripts={scripts}
            sequences={sequences}
            onChange={(raw) => onChange(actions.map((old) => (old.id === action.id ? { ...old, raw } : old)))}
          />
        </Card>
      ))}
      {fault && (
        <Text size="sm" c="var(--mantine-color-error)">
          {faultText(t, "/actions", fault)}
        </Text>
      )}
      <Menu position="bottom-start" withinPortal>
        <Menu.Target>
          <Button w="fit-content" size="compact-md" variant="light" leftSection={<IconPlus size={14} />}>
            {t("rules.add-action")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={360} style={{ overflowY: "auto" }}>
          {KINDS.filter((kind) => !without.includes(kind)).map((kind) => (
            <Menu.Item key={kind} onClick={() => onChange([...actions, freshAction(kind)])}>
              {t(`rules.do.${kind}`)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Stack>
  );
}

interface FieldsProps {
  raw: Record<string, unknown>;
  place: string;
  faults: Faults;
  scripts: Script[];
  sequences?: Sequence[];
  onChange: (raw: Record<string, unknown>) => void;
}

/** What one action needs to know. */
export function ActionFields({ raw, place, faults, scripts, sequences = [], onChange }: FieldsProps) {
  const { t } = useTranslation();
  const error = (name: string) => {
    const reason = faults.get(`${place}/${name}`);
    return reason && faultText(t, `/${name}`, reason);
  };
  const line = (name: string, label: string) => (
    <TextInput
      label={label}
      value={String(raw[name] ?? "")}
      error={error(name)}
      maxLength={500}
      onChange={(event) => onChange({ ...raw, [name]: event.currentTarget.value })}
    />
  );
  switch (raw.do) {
    case "send":
      return (
        <Texts
          texts={(raw.text ?? {}) as Record<string, string>}
          error={error("text")}
          onChange={(text) => onChange({ ...raw, text })}
        />
      );
    case "send_script":
      return (
        <Select
          label={t("rules.script")}
          searchable
          data={scripts.map((script) => ({ value: script.key, label: script.name }))}
          value={String(raw.script ?? "")}
          error={error("script")}
          onChange={(script) => onChange({ ...raw, script: script ?? "" })}
        />
      );
    case "add_tag":
    case "remove_tag":
      return line("tag", t("rules.tag"));
    case "set_variable":
      return (
        <Group gap="xs" align="flex-start" grow preventGrowOverflow={false}>
          {line("name", t("rules.variable-name"))}
          {line("value", t("rules.value"))}
        </Group>
      );
    case "call_webhook":
      return (
        <Stack gap={4}>
          {line("url", t("rules.url"))}
          <Text size="xs" c="dimmed">
            {t("rules.url-hint")}
          </Text>
        </Stack>
      );
    case "notify":
      return line("text", t("rules.notice"));
    case "assign":
      return (
        <Assignee
          value={String(raw.user ?? "")}
          error={error("user")}
          onChange={(user) => onChange({ ...raw, user })}
        />
      );
    case "start_sequence":
    case "stop_sequence":
      return (
        <Select
          label={t("rules.sequence")}
          data={sequences.map((sequence) => ({ value: sequence.key, label: sequence.name }))}
          placeholder={raw.do === "stop_sequence" ? t("rules.any-sequence") : ""}
          clearable={raw.do === "stop_sequence"}
          clearButtonProps={{ "aria-label": t("rules.any-sequence") }}
          value={String(raw.sequence ?? "") || null}
          error={error("sequence")}
          onChange={(sequence) => onChange({ ...raw, sequence: sequence ?? "" })}
        />
      );
    case "wait":
      return (
        <Duration
          label={t("rules.wait")}
          seconds={Number(raw.seconds)}
          error={error("seconds")}
          onChange={(seconds) => onChange({ ...raw, seconds })}
        />
      );
    default:
      return String(raw.do).startsWith("crm_") ? (
        <CrmFields raw={raw} place={place} faults={faults} onChange={onChange} />
      ) : null;
  }
}

interface AssigneeProps {
  value: string;
  error: string | undefined;
  onChange: (email: string) => void;
}

function Assignee({ value, error, onChange }: AssigneeProps) {
  const { t } = useTranslation();
  const colleagues = useColleagues(useMay("operator"));
  return (
    <Select
      label={t("rules.colleague")}
      description={t("rules.colleague-hint")}
      searchable
      data={choices(colleagues.data, "email", value ? { value, label: value } : null)}
      value={value || null}
      error={error}
      onChange={(email) => onChange(email ?? "")}
    />
  );
}

interface TextsProps {
  texts: Record<string, string>;
  error: string | undefined;
  onChange: (texts: Record<string, string>) => void;
}

function Texts({ texts, error, onChange }: TextsProps) {
  const { t } = useTranslation();
  return (
    <Stack gap="xs">
      {LANGUAGES.map((language, number) => (
        <Textarea
          key={language}
          label={t("scripts.answer", { language: t(`language.${language}`) })}
          autosize
          minRows={2}
          maxRows={8}
          error={number === 0 && error}
          value={texts[language] ?? ""}
          onChange={(event) => {
            const { [language]: _, ...others } = texts;
            const text = event.currentTarget.value;
            onChange(text.trim() ? { ...others, [language]: text } : others);
          }}
        />
      ))}
    </Stack>
  );
}
