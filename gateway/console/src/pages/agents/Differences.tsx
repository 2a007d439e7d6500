import { Alert, Badge, Group, ScrollArea, SimpleGrid, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useChanges } from "../../api/agents";
import type { Difference, FieldDifference } from "../../api/types";
import { Failed, Loading } from "../../parts/states";
import classes from "./Differences.module.css";
import { inWords, type Line, linesBeside } from "./differing";

interface Props {
  agentId: string;
  /** 0: before anything was published. */
  since?: number;
  until?: number | "draft";
}

const COLORS: Record<Difference["fate"], string> = { added: "green", changed: "blue", deleted: "red", moved: "gray" };

/** What one version does otherwise than another; by default, what customers get once the draft is published. */
export function Differences({ agentId, since, until = "draft" }: Props) {
  const { t } = useTranslation();
  const changes = useChanges(agentId, since ?? "published", until);
  if (changes.isPending) return <Loading />;
  if (changes.isError) return <Failed error={changes.error} again={() => void changes.refetch()} />;
  const { items, left_off: leftOff, since: older } = changes.data;
  if (items.length === 0) return <Alert variant="light">{t("differs.none")}</Alert>;
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        {older === 0 ? t("differs.since-nothing") : t("differs.since", { number: older })}
      </Text>
      {/* A list that can be scrolled must be reachable by keyboard. */}
      <ScrollArea.Autosize mah="50vh" type="auto" viewportProps={{ tabIndex: 0, "aria-label": t("differs.list") }}>
        <ul className={classes.items} aria-label={t("differs.list")}>
          {items.map((item) => (
            <Item key={`${item.kind} ${item.fate} ${item.key}`} item={item} />
          ))}
        </ul>
      </ScrollArea.Autosize>
      {leftOff > 0 && (
        <Text size="sm" c="dimmed">
          {t("differs.left-off", { count: leftOff })}
        </Text>
      )}
    </Stack>
  );
}

function Item({ item }: { item: Difference }) {
  const { t } = useTranslation();
  return (
    <li className={classes.item}>
      <Group gap="xs" wrap="nowrap" align="baseline">
        <Badge variant="light" color={COLORS[item.fate]} className={classes.fate} tt="none">
          {t(`differs.fate.${item.fate}`)}
        </Badge>
        <Text size="sm" fw={600} className="wraps">
          {t(`differs.kind.${item.kind}`)}
          {item.kind !== "persona" && ` · ${item.name || t("differs.gone")}`}
        </Text>
      </Group>
      {item.fields.map((field) => (
        <Field key={field.name} kind={item.kind} field={field} />
      ))}
    </li>
  );
}

function Field({ kind, field }: { kind: Difference["kind"]; field: FieldDifference }) {
  const { t } = useTranslation();
  const name = t(`differs.field.${kind === "script" && field.name === "steps" ? "questions" : field.name}`, {
    defaultValue: field.name,
  });
  const before = inWords(t, field.name, field.before);
  const after = inWords(t, field.name, field.after);
  if (before && after) {
    return (
      <div className={classes.field}>
        <Text size="sm">{name}</Text>
        <Sides before={before} after={after} />
      </div>
    );
  }
  return (
    <details className={classes.field}>
      <summary className={classes.summary}>{name}</summary>
      <Sides before={written(field.before)} after={written(field.after)} exact />
    </details>
  );
}

function Sides({ before, after, exact = false }: { before: string[]; after: string[]; exact?: boolean }) {
  const { t } = useTranslation();
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" mt={2}>
      <Side title={t("differs.before")} lines={linesBeside(before, after)} tag="del" exact={exact} />
      <Side title={t("differs.after")} lines={linesBeside(after, before)} tag="ins" exact={exact} />
    </SimpleGrid>
  );
}

interface SideProps {
  title: string;
  lines: Line[];
  tag: "del" | "ins";
  exact: boolean;
}

function Side({ title, lines, tag: Tag, exact }: SideProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.side}>
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      {lines.length === 0 && (
        <Text size="sm" c="dimmed" fs="italic">
          {t("differs.nothing")}
        </Text>
      )}
      {lines.map((line) => (
        <Text key={line.at} size={exact ? "xs" : "sm"} ff={exact ? "monospace" : undefined} className="wraps">
          {line.differs ? <Tag className={classes[Tag]}>{line.text}</Tag> : line.text}
        </Text>
      ))}
    </div>
  );
}

/** What people do not write as one text, as it is stored. */
function written(value: unknown): string[] {
  return value === null ? [] : JSON.stringify(value, null, 2).split("\n");
}
