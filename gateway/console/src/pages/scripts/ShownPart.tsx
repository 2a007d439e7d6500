import { ActionIcon, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconX from "@tabler/icons-react/icons/IconX";
import { useTranslation } from "react-i18next";
import { freshKey } from "../../api/ids";
import type { Script } from "../../api/types";
import { LANGUAGES } from "../../i18n";
import type { Faults } from "../rules/Conditions";
import { filled, type Texts } from "./draft";
import { faultWords } from "./faults";

const MOST_BUTTONS = 8;
const KINDS = ["photo", "document"] as const;

interface ButtonDraft {
  key: string;
  label: Texts;
  url: string;
}

/** What is shown with the answer; `attachment.url` is empty where there is none. */
export interface ShownDraft {
  buttons: ButtonDraft[];
  attachment: { kind: (typeof KINDS)[number]; url: string };
}

export function readShown(script: Script | undefined): ShownDraft {
  const buttons = (script?.buttons ?? []) as unknown as Omit<ButtonDraft, "key">[];
  const attachment = script?.attachment as ShownDraft["attachment"] | null | undefined;
  return {
    buttons: buttons.map((button) => ({ ...button, key: freshKey() })),
    attachment: attachment ?? { kind: "photo", url: "" },
  };
}

export function writeShown({ buttons, attachment }: ShownDraft) {
  return {
    buttons: buttons.map(({ label, url }) => ({ label: filled(label), url: url.trim() })),
    attachment: attachment.url.trim() ? { ...attachment, url: attachment.url.trim() } : null,
  };
}

interface Props {
  shown: ShownDraft;
  faults: Faults;
  onChange: (shown: ShownDraft) => void;
}

/** Buttons below the answer, and a picture or file with it. */
export function ShownPart({ shown, faults, onChange }: Props) {
  const { t } = useTranslation();
  const { buttons, attachment } = shown;
  const error = (pointer: string) => {
    const reason = faults.get(pointer);
    return reason && faultWords(t, pointer, reason);
  };
  const set = (changed: ButtonDraft) =>
    onChange({ ...shown, buttons: buttons.map((old) => (old.key === changed.key ? changed : old)) });
  const fault = error("/buttons");
  return (
    <Stack gap="xs" role="group" aria-label={t("scripts.buttons")}>
      <div>
        <Text size="sm" fw={500}>
          {t("scripts.buttons")}
        </Text>
        <Text size="xs" c="dimmed">
          {t("scripts.buttons-hint")}
        </Text>
      </div>
      {buttons.map((button, number) => (
        <Group key={button.key} gap="xs" align="flex-end">
          {LANGUAGES.map((language) => (
            <TextInput
              key={language}
              flex="1 1 130px"
              label={t("scripts.button", { number: number + 1, language: t(`language.${language}`) })}
              maxLength={60}
              value={button.label[language] ?? ""}
              error={error(`/buttons/${number}/label/${language}`) || error(`/buttons/${number}/label`)}
              onChange={(event) => set({ ...button, label: { ...button.label, [language]: event.target.value } })}
            />
          ))}
          <TextInput
            flex="1 1 160px"
            label={t("scripts.button-address", { number: number + 1 })}
            maxLength={200}
            value={button.url}
            error={error(`/buttons/${number}/url`)}
            onChange={(event) => set({ ...button, url: event.target.value })}
          />
          <ActionIcon
            mb={4}
            aria-label={t("scripts.remove-button", { number: number + 1 })}
            onClick={() => onChange({ ...shown, buttons: buttons.filter(({ key }) => key !== button.key) })}
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
      {buttons.length < MOST_BUTTONS && (
        <Button
          w="fit-content"
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange({ ...shown, buttons: [...buttons, { key: freshKey(), label: {}, url: "" }] })}
        >
          {t("scripts.add-button")}
        </Button>
      )}
      <Group gap="xs" align="flex-end">
        <Select
          w={140}
          label={t("scripts.attachment")}
          allowDeselect={false}
          data={KINDS.map((value) => ({ value, label: t(`scripts.attached.${value}`) }))}
          value={attachment.kind}
          onChange={(kind) =>
            kind && onChange({ ...shown, attachment: { ...attachment, kind: kind as (typeof KINDS)[number] } })
          }
        />
        <TextInput
          flex="1 1 200px"
          label={t("scripts.attachment-address")}
          maxLength={2000}
          value={attachment.url}
          error={error("/attachment/url") || error("/attachment")}
          onChange={(event) => onChange({ ...shown, attachment: { ...attachment, url: event.target.value } })}
        />
      </Group>
    </Stack>
  );
}
