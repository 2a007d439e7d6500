import { Button, Stack, Switch } from "@mantine/core";
import { type ReactNode, useState } from "react";
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

/** Expressions are for who knows them: they are out of the way of everybody else. */
export function Expressions({ shown, children }: { shown: boolean; children: ReactNode }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(shown);
  if (open) return children;
  return (
    <Button w="fit-content" size="compact-sm" variant="subtle" onClick={() => setOpen(true)}>
      {t("scripts.add-expressions")}
    </Button>
  );
}
