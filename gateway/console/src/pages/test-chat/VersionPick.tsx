import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useVersions } from "../../api/agents";
import classes from "../../parts/conversation/Chat.module.css";
import type { VersionChoice } from "./useChat";

interface Props {
  label: string;
  agentId: string;
  version: VersionChoice;
  onChange: (version: string) => void;
}

/** Which version of the agent answers. A conversation keeps to its version, so another one begins a new conversation. */
export function VersionPick({ label, agentId, version, onChange }: Props) {
  const { t } = useTranslation();
  const versions = useVersions(agentId);
  const chosen = String(version);
  const choices = [
    { value: "published", label: t("version.published") },
    { value: "draft", label: t("version.draft") },
    ...(versions.data ?? [])
      .filter(({ published_at }) => published_at !== null)
      .map(({ version: number }) => ({ value: String(number), label: t("version.number", { number }) })),
  ];
  if (!choices.some(({ value }) => value === chosen))
    choices.push({ value: chosen, label: t("version.number", { number: chosen }) });
  return (
    <Select
      className={classes.pick}
      aria-label={label}
      data={choices}
      value={chosen}
      allowDeselect={false}
      checkIconPosition="right"
      onChange={(picked) => picked && onChange(picked)}
    />
  );
}
