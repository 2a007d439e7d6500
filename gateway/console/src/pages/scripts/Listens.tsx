import { Button, Select, Textarea } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { faultLine } from "./faults";
import type { Values } from "./values";

const STRICTNESS = ["strict", "normal", "loose"] as const;

interface Props {
  form: UseFormReturnType<Values>;
  faults: Map<string, string>;
}

/** What a script listens for: words, and what is meant where no words match. */
export function Listens({ form, faults }: Props) {
  const { t } = useTranslation();
  const wrong = (part: string) => {
    const found = [...faults].filter(([pointer]) => pointer === `/${part}` || pointer.startsWith(`/${part}/`));
    return found.map(([pointer, reason]) => faultLine(t, pointer, reason)).join("; ");
  };
  /** What the form says of a field, else what the server said of its lines. */
  const field = (part: "phrases" | "keywords" | "meanings" | "expressions") => {
    const given = form.getInputProps(part);
    return { ...given, error: given.error || wrong(part) };
  };
  return (
    <>
      <Textarea
        label={t("scripts.phrases")}
        description={t("scripts.phrases-hint")}
        autosize
        minRows={3}
        maxRows={10}
        {...field("phrases")}
      />
      <Textarea
        label={t("scripts.keywords")}
        description={t("scripts.keywords-hint")}
        autosize
        minRows={1}
        maxRows={6}
        {...field("keywords")}
      />
      <Kept shown={Boolean(form.values.meanings)} add={t("scripts.add-meanings")}>
        <Textarea
          label={t("scripts.meanings")}
          description={t("scripts.meanings-hint")}
          autosize
          minRows={3}
          maxRows={10}
          {...field("meanings")}
        />
        <Select
          label={t("scripts.strictness")}
          description={t(`scripts.strictness-hint.${form.values.strictness}`)}
          data={STRICTNESS.map((value) => ({ value, label: t(`scripts.strictnesses.${value}`) }))}
          allowDeselect={false}
          {...form.getInputProps("strictness")}
        />
      </Kept>
      <Kept shown={Boolean(form.values.expressions)} add={t("scripts.add-expressions")}>
        <Textarea
          label={t("scripts.expressions")}
          description={t("scripts.expressions-hint")}
          autosize
          minRows={1}
          maxRows={6}
          {...field("expressions")}
        />
      </Kept>
    </>
  );
}

/** What not everybody needs is out of the way until somebody asks for it. */
function Kept({ shown, add, children }: { shown: boolean; add: string; children: ReactNode }) {
  const [open, setOpen] = useState(shown);
  if (open) return children;
  return (
    <Button w="fit-content" size="compact-sm" variant="subtle" onClick={() => setOpen(true)}>
      {add}
    </Button>
  );
}
