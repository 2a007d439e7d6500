import { Group, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import IconSearch from "@tabler/icons-react/icons/IconSearch";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ScriptsState } from "./state";

const TYPING_MS = 300;

export function Filters({ state }: { state: ScriptsState }) {
  const { t } = useTranslation();
  const [text, setText] = useState(state.filter.q ?? "");
  const search = useDebouncedCallback((value: string) => state.set("q", value.trim()), TYPING_MS);
  const { enabled, language } = state.filter;
  return (
    <Group gap="sm" role="search">
      <TextInput
        flex="1 1 240px"
        aria-label={t("scripts.search")}
        placeholder={t("scripts.search")}
        leftSection={<IconSearch size={16} />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          search(event.currentTarget.value);
        }}
      />
      <Select
        w={170}
        aria-label={t("scripts.language")}
        placeholder={t("scripts.any-language")}
        clearable
        clearButtonProps={{ "aria-label": t("scripts.any-language") }}
        data={(["ru", "en"] as const).map((value) => ({ value, label: t(`language.${value}`) }))}
        value={language ?? null}
        onChange={(value) => state.set("language", value ?? undefined)}
      />
      <Select
        w={170}
        aria-label={t("scripts.state")}
        placeholder={t("scripts.any-state")}
        clearable
        clearButtonProps={{ "aria-label": t("scripts.any-state") }}
        data={[
          { value: "true", label: t("scripts.on") },
          { value: "false", label: t("scripts.off") },
        ]}
        value={enabled === undefined ? null : String(enabled)}
        onChange={(value) => state.set("enabled", value ?? undefined)}
      />
    </Group>
  );
}
