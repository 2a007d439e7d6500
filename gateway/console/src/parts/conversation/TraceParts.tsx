import { Badge, Card, Collapse, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import IconChevron from "@tabler/icons-react/icons/IconChevronDown";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { whatWasDone } from "../../pages/rules/words";
import classes from "./Chat.module.css";
import { translatedReason } from "./reasons";
import { Fact, Quiet } from "./TracePane";
import type { Named, Trace } from "./trace";

type Scripts = NonNullable<Trace["scripts"]>;

interface WinnerProps {
  winner: NonNullable<Scripts["winner"]>;
  meanings: Trace["meanings"];
}

export function Winner({ winner: [id, name, score, matched, likeness], meanings }: WinnerProps) {
  const { t, i18n } = useTranslation();
  return (
    <Card withBorder padding="sm" bg="transparent">
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" fw={600} className="wraps">
          {name || id}
        </Text>
        <Badge variant="light" tt="none" flex="none">
          {likeness === undefined
            ? t("trace.score", { score })
            : `${t(`try.closeness.${closenessOf(likeness, meanings?.levels)}`)} ${shownLikeness(i18n.language, likeness)}`}
        </Badge>
      </Group>
      {matched.length > 0 && (
        <Text size="sm" c="dimmed" mt={4} className="wraps">
          {t(likeness === undefined ? "trace.matched" : "trace.alike")}:{" "}
          {matched.map((phrase) => `«${phrase}»`).join(", ")}
        </Text>
      )}
    </Card>
  );
}

/** For which strictness a likeness is enough. */
function closenessOf(likeness: number, [loose, normal, strict]: [number, number, number] = [2, 2, 2]): string {
  if (likeness >= strict) return "strict";
  if (likeness >= normal) return "normal";
  return likeness >= loose ? "loose" : "no";
}

export function shownLikeness(language: string, likeness: number): string {
  return new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(likeness);
}

interface LosersProps {
  losers: NonNullable<Scripts["losers"]>;
  unlisted: number;
  scripts: Map<string, Named>;
  near: NonNullable<NonNullable<Trace["meanings"]>["near"]>;
}

/** Who was considered and does not answer, by the reason. */
export function Losers({ losers, unlisted, scripts, near }: LosersProps) {
  const { t, i18n } = useTranslation();
  const shown = (loser: string | [string, number]) => {
    const alike = near[typeof loser === "string" ? loser : loser[0]]?.[0];
    const name = loserName(loser, scripts);
    return alike === undefined ? name : `${name} (${shownLikeness(i18n.language, alike)})`;
  };
  const [opened, list] = useDisclosure(false);
  const count = Object.values(losers).reduce((sum, group) => sum + group.length, unlisted);
  if (count === 0) return null;
  return (
    <>
      <UnstyledButton onClick={list.toggle} aria-expanded={opened}>
        <Group gap={4}>
          <IconChevron size={16} transform={opened ? "rotate(180)" : undefined} />
          <Text size="sm">{t("trace.losers", { count })}</Text>
        </Group>
      </UnstyledButton>
      <Collapse expanded={opened}>
        <Stack gap="xs">
          {Object.entries(losers).map(([reason, group]) => (
            <div key={reason}>
              <Text size="sm" c="dimmed">
                {translatedReason(t, reason, (id) => scripts.get(id)?.name ?? id)}
              </Text>
              <Text size="sm" className="wraps">
                {group.map(shown).join(", ")}
              </Text>
            </div>
          ))}
          {unlisted > 0 && <Quiet>{t("trace.unlisted", { count: unlisted })}</Quiet>}
        </Stack>
      </Collapse>
    </>
  );
}

function loserName(loser: string | [string, number], scripts: Map<string, Named>): string {
  const [id, score] = typeof loser === "string" ? [loser, 0] : loser;
  const name = scripts.get(id)?.name ?? id;
  return score ? `${name} (${score})` : name;
}

interface PassagesProps {
  found: NonNullable<Trace["passages"]>;
  verdict: string | undefined;
  passages: Map<string, Named>;
  knowledge?: Trace["knowledge"];
}

export function Passages({ found, verdict, passages, knowledge }: PassagesProps) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 });
  const share = new Intl.NumberFormat(i18n.language, { style: "percent" });
  return (
    <>
      {verdict && <Quiet>{t(`trace.verdict.${verdict}`)}</Quiet>}
      {found.map(([id, score, coverage]) => (
        <Card key={id} withBorder padding="sm" bg="transparent">
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <Text size="sm" fw={600} className="wraps">
              {passages.get(id)?.title ?? knowledge?.titles?.[id] ?? id}
            </Text>
            <Badge variant="light" tt="none" flex="none">
              {number.format(score)}
            </Badge>
          </Group>
          <Text size="xs" c="dimmed">
            {id.startsWith("kb:") ? t("trace.document") : t("trace.coverage", { share: share.format(coverage) })}
          </Text>
          {passages.get(id)?.text && (
            <Text size="sm" mt={4} className="wraps">
              {passages.get(id)?.text}
            </Text>
          )}
        </Card>
      ))}
    </>
  );
}

export function Prompt({ prompt }: { prompt: NonNullable<Trace["prompt"]> }) {
  const { t, i18n } = useTranslation();
  const format = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 0 });
  return (
    <>
      {prompt.model && <Fact name={t("trace.model-name")}>{prompt.model}</Fact>}
      {prompt.reference && <Fact name={t("trace.prompt")}>{prompt.reference}</Fact>}
      {prompt.prompt_tokens !== undefined && (
        <Fact name={t("trace.tokens")}>
          {format.format(prompt.prompt_tokens)} + {format.format(prompt.completion_tokens ?? 0)}
        </Fact>
      )}
      {prompt.prompt_tokens !== undefined && (
        <Fact name={t("trace.price")}>
          {prompt.micros === undefined ? t("trace.price-unknown") : dollars(i18n.language, prompt.micros)}
        </Fact>
      )}
      {prompt.estimated && <Quiet>{t("trace.estimated")}</Quiet>}
      {prompt.failure && <Fact name={t("trace.failure")}>{prompt.failure}</Fact>}
      {prompt.calls && <Calls calls={prompt.calls} />}
      {prompt.tries && (
        <>
          <Quiet>{t("trace.tries")}</Quiet>
          {prompt.tries.map(([model, failure, ms], number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two tries may fail in the same way, and the list never changes
            <Text key={number} size="sm" className="wraps">
              {t("trace.try", { model, failure, time: t("trace.ms", { ms: format.format(ms) }) })}
            </Text>
          ))}
        </>
      )}
    </>
  );
}

/** Which tools the model called, with what, and what came of it. */
function Calls({ calls }: { calls: NonNullable<NonNullable<Trace["prompt"]>["calls"]> }) {
  const { t } = useTranslation();
  return (
    <>
      <Quiet>{t("trace.tools")}</Quiet>
      {calls.map(([tool, given, came], number) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a tool may be called twice, and the list never changes
        <Card key={number} withBorder padding="sm" bg="transparent">
          <Text size="sm" fw={600} className="wraps">
            {tool === "search_knowledge" ? t("tools.search") : tool}
          </Text>
          {Object.entries(given).map(([name, value]) => (
            <Text key={name} size="sm" className="wraps">
              {name}: {value}
            </Text>
          ))}
          <Text size="sm" c="dimmed" className="wraps">
            {cameOf(t, came)}
          </Text>
        </Card>
      ))}
    </>
  );
}

function cameOf(t: TFunction, came: string): string {
  const found = /^(?<count>\d+) found$/.exec(came)?.groups?.count;
  if (found) return t("tools.found", { count: Number(found) });
  if (came.startsWith("refused")) return t("tools.refused", { why: came.replace(/^refused: /, "") });
  if (!came) return t("tools.not-done");
  return came
    .split(", ")
    .map((done) => whatWasDone(t, done))
    .join(" → ");
}

/** Answers cost less than a cent: as many digits as a millionth of a dollar has. */
function dollars(language: string, micros: number): string {
  const money = new Intl.NumberFormat(language, { style: "currency", currency: "USD", maximumFractionDigits: 6 });
  return money.format(micros / 1_000_000);
}

export function Stages({ stages }: { stages: Record<string, number> }) {
  const { t, i18n } = useTranslation();
  const longest = Math.max(...Object.values(stages), 1);
  const time = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  return Object.entries(stages).map(([stage, ms]) => (
    <Stack key={stage} gap={3}>
      <Fact name={t(`stage.${stage}`, { defaultValue: stage })}>{t("trace.ms", { ms: time.format(ms) })}</Fact>
      <div className={classes.stage} style={{ width: `${(ms / longest) * 100}%` }} />
    </Stack>
  ));
}
