import {
  ActionIcon,
  Button,
  Group,
  MultiSelect,
  NumberInput,
  Select,
  Stack,
  TagsInput,
  TextInput,
} from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import type { Vocabulary } from "../../api/types";
import { answersOf, useCrm } from "./crm";
import {
  type ConditionDraft,
  freshGroup,
  freshTest,
  freshValue,
  type GroupDraft,
  isGroup,
  placeOf,
  type TestDraft,
} from "./draft";
import classes from "./Rules.module.css";
import { factName, faultText } from "./words";

export type Faults = Map<string, string>;
/** What may be asked for; scripts know nothing of webhooks. */
export type Askable = Omit<Vocabulary, "hook" | "triggers"> & { hook?: Vocabulary["hook"] };

interface GroupProps {
  group: GroupDraft;
  place: string;
  depth: number;
  faults: Faults;
  vocabulary: Askable;
  onChange: (group: GroupDraft) => void;
  onRemove?: () => void;
}

const DEEPEST = 3;

/** Questions together, and groups of them within. */
export function Conditions({ group, place, depth, faults, vocabulary, onChange, onRemove }: GroupProps) {
  const { t } = useTranslation();
  const here = placeOf(group, place);
  const set = (number: number, item: ConditionDraft | undefined) =>
    onChange({ ...group, items: group.items.flatMap((old, n) => (n === number ? (item ? [item] : []) : [old])) });
  const fault = faults.get(here);
  return (
    <Stack gap="xs" className={classes.group} role="group" aria-label={t("rules.conditions")}>
      <Group justify="space-between" wrap="nowrap">
        <Select
          aria-label={t("rules.together")}
          allowDeselect={false}
          data={(["all", "any", "none"] as const).map((value) => ({ value, label: t(`rules.of.${value}`) }))}
          value={group.of}
          error={fault && faultText(t, here, fault)}
          onChange={(of) => of && onChange({ ...group, of: of as GroupDraft["of"] })}
        />
        {onRemove && (
          <ActionIcon onClick={onRemove} aria-label={t("rules.remove-group")}>
            <IconX size={16} />
          </ActionIcon>
        )}
      </Group>
      {group.items.map((item, number) =>
        isGroup(item) ? (
          <Conditions
            key={item.id}
            group={item}
            place={`${here}/${number}`}
            depth={depth + 1}
            faults={faults}
            vocabulary={vocabulary}
            onChange={(changed) => set(number, changed)}
            onRemove={() => set(number, undefined)}
          />
        ) : (
          <Question
            key={item.id}
            test={item}
            place={`${here}/${number}`}
            faults={faults}
            vocabulary={vocabulary}
            onChange={(changed) => set(number, changed)}
            onRemove={() => set(number, undefined)}
          />
        ),
      )}
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange({ ...group, items: [...group.items, freshTest()] })}
        >
          {t("rules.add-condition")}
        </Button>
        {depth < DEEPEST && (
          <Button
            size="compact-sm"
            variant="subtle"
            leftSection={<IconPlus size={14} />}
            onClick={() => onChange({ ...group, items: [...group.items, freshGroup()] })}
          >
            {t("rules.add-group")}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

interface QuestionProps {
  test: TestDraft;
  place: string;
  faults: Faults;
  vocabulary: Askable;
  onChange: (test: TestDraft) => void;
  onRemove: () => void;
}

function Question({ test, place, faults, vocabulary, onChange, onRemove }: QuestionProps) {
  const { t } = useTranslation();
  const crm = useCrm();
  const fields = (["lead", "contact"] as const).flatMap((entity) =>
    crm.fields[entity].map(({ value, label }) => ({
      value: `${entity}.field.${value}`,
      label: t(`rules.crm.field-of-${entity}`, { name: label }),
    })),
  );
  // Facts under names of their own: what rules remember, and what a webhook brought.
  const { variable, hook } = vocabulary;
  const open = [variable, ...(hook ? [hook] : [])].find(({ name }) => test.fact.startsWith(name));
  const field = /^(lead|contact)\.field\.\d+$/.test(test.fact);
  if (field && !fields.some(({ value }) => value === test.fact))
    fields.push({ value: test.fact, label: factName(t, test.fact) });
  const fact = open ?? (field ? variable : undefined) ?? vocabulary.facts.find(({ name }) => name === test.fact);
  const kind = fact?.kind ?? "text";
  const error = (name: string) => {
    const reason = faults.get(`${place}/${name}`);
    return reason && faultText(t, `/${name}`, reason);
  };
  const pick = (name: string) => {
    const chosen = vocabulary.facts.find((f) => f.name === name) ?? variable; // the others are texts, too
    const op = chosen?.operators[0] ?? "is";
    onChange({ ...test, fact: name, op, value: freshValue(chosen?.kind ?? "text", op) });
  };
  return (
    <Group gap="xs" align="flex-start" className={classes.question}>
      <Select
        flex="1 1 170px"
        searchable
        aria-label={t("rules.what")}
        allowDeselect={false}
        data={[
          ...vocabulary.facts.map(({ name }) => ({ value: name, label: factName(t, name) })),
          ...fields,
          { value: variable.name, label: t("rules.variable") },
          ...(hook ? [{ value: hook.name, label: t("rules.hook") }] : []),
        ]}
        value={open?.name ?? test.fact}
        error={error("fact")}
        onChange={(name) => name && pick(name)}
      />
      {open && (
        <TextInput
          flex="1 1 110px"
          aria-label={t(open === hook ? "rules.hook-path" : "rules.variable-name")}
          placeholder={open === hook ? "order.id" : t("rules.variable-name")}
          value={test.fact.slice(open.name.length)}
          onChange={(event) => onChange({ ...test, fact: `${open.name}${event.currentTarget.value.trim()}` })}
        />
      )}
      <Select
        flex="1 1 140px"
        aria-label={t("rules.how")}
        allowDeselect={false}
        data={(fact?.operators ?? [test.op]).map((value) => ({ value, label: t(`rules.op.${value}`) }))}
        value={test.op}
        error={error("op")}
        onChange={(op) => op && onChange({ ...test, op, value: freshValue(kind, op) })}
      />
      <Answer test={test} kind={kind} error={error("value")} onChange={(value) => onChange({ ...test, value })} />
      <ActionIcon mt={4} onClick={onRemove} aria-label={t("rules.remove-condition")}>
        <IconX size={16} />
      </ActionIcon>
    </Group>
  );
}

interface AnswerProps {
  test: TestDraft;
  kind: string;
  error: string | undefined;
  onChange: (value: TestDraft["value"]) => void;
}

const OUTCOMES = [
  "end",
  "goal",
  "replied",
  "handed_off",
  "lead_moved",
  "blocked",
  "rule",
  "check",
  "closed",
  "unreadable",
] as const;
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

function Answer({ test, kind, error, onChange }: AnswerProps) {
  const { t } = useTranslation();
  const crm = useCrm();
  const shared = { flex: "1 1 140px", "aria-label": t("rules.value"), error };
  if (test.op === "known" || test.op === "unknown") return null;
  if (test.op === "between" && Array.isArray(test.value)) {
    const ends = test.value;
    return (["from", "to"] as const).map((end, number) => (
      <One
        key={end}
        {...shared}
        flex="1 1 90px"
        aria-label={t(`rules.range.${end}`)}
        kind={kind}
        value={ends[number] ?? ""}
        onChange={(value) => onChange(number === 0 ? [value, ends[1] ?? ""] : [ends[0] ?? "", value])}
      />
    ));
  }
  const day = test.fact === "time.weekday";
  const days = DAYS.map((value) => ({ value, label: t(`rules.day.${value}`) }));
  const outcomes = OUTCOMES.map((value) => ({
    value: value === "end" ? "finished" : value,
    label: t(`sequences.ended.${value}`),
  }));
  const known = test.fact === "sequence.outcome" ? outcomes : answersOf(crm, test.fact);
  if (known.length > 0 && Array.isArray(test.value)) {
    return <MultiSelect {...shared} searchable data={known} value={test.value.map(String)} onChange={onChange} />;
  }
  if (known.length > 0 && (test.op === "is" || test.op === "is_not")) {
    return (
      <Select
        {...shared}
        searchable
        data={known}
        value={String(test.value) || null}
        onChange={(value) => onChange(value ?? "")}
      />
    );
  }
  if (Array.isArray(test.value)) {
    return (
      <TagsInput {...shared} {...(day ? { data: [...DAYS] } : {})} value={test.value.map(String)} onChange={onChange} />
    );
  }
  if (day && (test.op === "is" || test.op === "is_not")) {
    return <Select {...shared} data={days} value={String(test.value)} onChange={(value) => onChange(value ?? "")} />;
  }
  if (kind === "flag") {
    const data = [
      { value: "true", label: t("rules.yes") },
      { value: "false", label: t("rules.no") },
    ];
    return (
      <Select
        {...shared}
        allowDeselect={false}
        data={data}
        value={String(test.value)}
        onChange={(value) => onChange(value === "true")}
      />
    );
  }
  return <One {...shared} kind={kind} value={test.value as string | number} onChange={onChange} />;
}

interface OneProps {
  kind: string;
  value: string | number;
  error: string | undefined;
  flex: string;
  "aria-label": string;
  onChange: (value: string | number) => void;
}

function One({ kind, value, onChange, ...shared }: OneProps) {
  if (kind === "number")
    return <NumberInput {...shared} value={Number(value)} onChange={(given) => onChange(Number(given))} />;
  return (
    <TextInput
      {...shared}
      type={kind === "clock" ? "time" : "text"}
      maxLength={500}
      value={String(value)}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
