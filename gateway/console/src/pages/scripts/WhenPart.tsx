import { Stack, Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { freshKey } from "../../api/ids";
import { useVocabulary } from "../../api/rules";
import { Conditions } from "../rules/Conditions";
import { freshTest, type GroupDraft } from "../rules/draft";

interface Props {
  when: GroupDraft | null;
  faults: Map<string, string>;
  onChange: (when: GroupDraft | null) => void;
}

/** What must hold besides the words. */
export function WhenPart({ when, faults, onChange }: Props) {
  const { t } = useTranslation();
  const vocabulary = useVocabulary();
  const known = vocabulary.data && {
    variable: vocabulary.data.variable,
    facts: vocabulary.data.facts.filter(({ in_scripts }) => in_scripts),
  };
  return (
    <Stack gap="xs">
      <Switch
        label={t("scripts.has-condition")}
        description={t("scripts.has-condition-hint")}
        checked={when !== null}
        onChange={(event) =>
          onChange(event.currentTarget.checked ? { id: freshKey(), of: "all", items: [freshTest()] } : null)
        }
      />
      {when && known && (
        <Conditions group={when} place="/when" depth={0} faults={faults} vocabulary={known} onChange={onChange} />
      )}
    </Stack>
  );
}
