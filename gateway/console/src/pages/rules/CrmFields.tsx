import { ActionIcon, Group, Select, Stack, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import type { Faults } from "./Conditions";
import { useCrm } from "./crm";
import { Duration } from "./Duration";
import { faultText } from "./words";

export const CRM_KINDS = [
  "crm_contact",
  "crm_lead",
  "crm_move",
  "crm_fields",
  "crm_tags",
  "crm_note",
  "crm_task",
  "crm_responsible",
] as const;

const WITH_TEXTS = new Set<string>(["crm_contact", "crm_lead", "crm_fields", "crm_note", "crm_task"]);

type Raw = Record<string, unknown>;

interface Props {
  raw: Raw;
  place: string;
  faults: Faults;
  onChange: (raw: Raw) => void;
}

/** What an action in Kommo needs to know; pipelines, people and fields come from the synced copy. */
export function CrmFields({ raw, place, faults, onChange }: Props) {
  const { t } = useTranslation();
  const crm = useCrm();
  const entity = raw.on === "contact" ? "contact" : "lead";
  const error = (name: string) => {
    const reason = faults.get(`${place}/${name}`);
    return reason && faultText(t, `/${name}`, reason);
  };
  const set = (changes: Raw) => onChange({ ...raw, ...changes });
  const line = (name: string) => (
    <TextInput
      flex="1 1 160px"
      label={t(`rules.crm.${name}`)}
      value={String(raw[name] ?? "")}
      error={error(name)}
      maxLength={500}
      onChange={(event) => set({ [name]: event.currentTarget.value })}
    />
  );
  const on = (
    <Select
      label={t("rules.crm.on")}
      allowDeselect={false}
      data={(["lead", "contact"] as const).map((value) => ({ value, label: t(`rules.crm.of-${value}`) }))}
      value={entity}
      onChange={(value) => set({ on: value ?? "lead", ...(raw.fields ? { fields: {} } : {}) })}
    />
  );
  const user = (
    <Select
      label={t("rules.crm.user")}
      searchable
      clearable
      clearButtonProps={{ "aria-label": t("rules.crm.nobody") }}
      nothingFoundMessage={t("rules.crm.not-synced")}
      data={crm.users}
      value={raw.user ? String(raw.user) : null}
      error={error("user")}
      onChange={(value) => set({ user: Number(value ?? 0) })}
    />
  );
  const stage = (
    <Select
      label={t("rules.crm.stage")}
      searchable
      clearable={raw.do === "crm_lead"}
      clearButtonProps={{ "aria-label": t("rules.crm.first-stage") }}
      placeholder={raw.do === "crm_lead" ? t("rules.crm.first-stage") : ""}
      nothingFoundMessage={t("rules.crm.not-synced")}
      data={crm.stages}
      value={raw.stage ? `${raw.pipeline}:${raw.stage}` : null}
      error={error("stage") || error("pipeline")}
      onChange={(value) => {
        const [pipeline = 0, id = 0] = (value ?? "").split(":").map(Number);
        set({ pipeline, stage: id });
      }}
    />
  );
  const tags = (
    <TagsInput
      label={t("rules.crm.tags")}
      value={(raw.tags ?? []) as string[]}
      error={error("tags")}
      onChange={(value) => set({ tags: value })}
    />
  );
  const text = (
    <Textarea
      label={t("rules.crm.text")}
      autosize
      minRows={2}
      maxRows={8}
      maxLength={2000}
      value={String(raw.text ?? "")}
      error={error("text")}
      onChange={(event) => set({ text: event.currentTarget.value })}
    />
  );
  const values = <Values raw={raw} entity={entity} place={place} faults={faults} onChange={set} />;
  const parts: Record<string, React.ReactNode[]> = {
    crm_contact: [line("name"), line("phone"), line("email"), user],
    crm_lead: [line("name"), stage, user, tags, values],
    crm_move: [stage],
    crm_fields: [on, entity === "lead" && line("price"), values],
    crm_tags: [on, tags],
    crm_note: [on, text],
    crm_task: [
      on,
      text,
      <Duration
        key="due"
        label={t("rules.crm.due")}
        seconds={Number(raw.due_s)}
        error={error("due_s")}
        onChange={(due_s) => set({ due_s })}
      />,
      user,
    ],
    crm_responsible: [on, user],
  };
  const connect = faults.get(`${place}/do`);
  return (
    <Stack gap="xs">
      {(parts[String(raw.do)] ?? []).map((part, number) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one kind never change their order
        <div key={number}>{part}</div>
      ))}
      {WITH_TEXTS.has(String(raw.do)) && (
        <Text size="xs" c="dimmed">
          {t("rules.crm.hint", { example: "{contact.name}" })}
        </Text>
      )}
      {connect && (
        <Text size="sm" c="var(--mantine-color-error)">
          {faultText(t, "/do", connect)}
        </Text>
      )}
    </Stack>
  );
}

interface ValuesProps extends Props {
  entity: "lead" | "contact";
}

/** Custom fields with what is written into them. */
function Values({ raw, entity, place, faults, onChange }: ValuesProps) {
  const { t } = useTranslation();
  const crm = useCrm();
  const given = (raw.fields ?? {}) as Record<string, string>;
  const free = crm.fields[entity].filter(({ value }) => !(value in given));
  const nameOf = (id: string) => crm.fields[entity].find(({ value }) => value === id)?.label ?? id;
  const fault = faults.get(`${place}/fields`);
  return (
    <Stack gap="xs">
      {Object.entries(given).map(([id, value]) => {
        const wrong = faults.get(`${place}/fields/${id}`);
        return (
          <Group key={id} gap="xs" wrap="nowrap" align="flex-end">
            <TextInput
              flex={1}
              label={nameOf(id)}
              value={value}
              maxLength={500}
              error={wrong && t("rules.fault.fields", { defaultValue: wrong })}
              onChange={(event) => onChange({ fields: { ...given, [id]: event.currentTarget.value } })}
            />
            <ActionIcon
              mb={6}
              aria-label={t("rules.crm.remove-field", { name: nameOf(id) })}
              onClick={() => {
                const { [id]: _, ...others } = given;
                onChange({ fields: others });
              }}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
        );
      })}
      {free.length > 0 && (
        <Select
          aria-label={t("rules.crm.add-field")}
          placeholder={t("rules.crm.add-field")}
          leftSection={<IconPlus size={14} />}
          searchable
          data={free}
          value={null}
          error={fault && t("rules.fault.fields")}
          onChange={(id) => id && onChange({ fields: { ...given, [id]: "" } })}
        />
      )}
    </Stack>
  );
}
