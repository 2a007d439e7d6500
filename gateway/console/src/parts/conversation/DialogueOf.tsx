import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { Fact } from "./TracePane";
import type { Named, Trace } from "./trace";

interface Props {
  told: NonNullable<Trace["dialogue"]>;
  scripts: Map<string, Named>;
}

const ENDS = ["finish", "hand_off", "leave"];

/** Which question of a dialogue was answered with what, and where it leads. */
export function DialogueOf({ told, scripts }: Props) {
  const { t, i18n } = useTranslation();
  const script = scripts.get(told.script);
  const question = (id: string) => {
    const ask = script?.steps?.find((step) => step.id === id)?.ask ?? {};
    return ask[i18n.language] ?? Object.values(ask)[0] ?? id;
  };
  return (
    <>
      <Fact name={t("trace.dialogue")}>{told.name || script?.name || told.script}</Fact>
      {told.step && <Fact name={t("dialogue.told.step")}>{question(told.step)}</Fact>}
      {told.understood !== undefined && <Fact name={t("dialogue.told.understood")}>{told.understood}</Fact>}
      {told.remembered && (
        <Fact name={t("dialogue.told.remembered")}>
          {told.full ? t("dialogue.told.full", { name: told.remembered }) : told.remembered}
        </Fact>
      )}
      {told.why && <Fact name={t("trace.reason")}>{whyWords(t, told.why)}</Fact>}
      {told.failed !== undefined && <Fact name={t("dialogue.told.failed")}>{told.failed}</Fact>}
      {told.goto && (
        <Fact name={t("dialogue.then")}>
          {ENDS.includes(told.goto) ? t(`dialogue.goto.${told.goto}`) : question(told.goto)}
        </Fact>
      )}
    </>
  );
}

function whyWords(t: TFunction, why: string): string {
  const value = /-?[\d.]+(e[+-]?\d+)?$/.exec(why)?.[0] ?? "";
  const key = why
    .slice(0, why.length - value.length)
    .trim()
    .replace(/[^a-z]+/gi, "-")
    .toLowerCase();
  return t(`dialogue.why.${key}`, { value, defaultValue: why });
}
