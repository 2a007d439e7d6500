import { Badge, Button, Card, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useTryPhrase } from "../../api/scripts";
import type { TriedScripts } from "../../api/types";
import { translatedReason } from "../../parts/conversation/reasons";
import { shownLikeness } from "../../parts/conversation/TraceParts";

const SHOWN = 5;

/** How a phrase would fare against all scripts of the draft. */
export function TryPhrase({ agentId }: { agentId: string }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const trying = useTryPhrase(agentId);
  return (
    <Card withBorder padding="md">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) trying.mutate(text.trim());
        }}
      >
        <Group gap="sm" align="flex-end">
          <TextInput
            flex="1 1 240px"
            label={t("try.label")}
            placeholder={t("try.placeholder")}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button type="submit" variant="light" loading={trying.isPending} disabled={!text.trim()}>
            {t("try.button")}
          </Button>
        </Group>
      </form>
      {trying.data && <Tried tried={trying.data} />}
    </Card>
  );
}

function Tried({ tried }: { tried: TriedScripts }) {
  const { t } = useTranslation();
  const winner = tried.scripts.find((script) => script.wins);
  const close = tried.scripts.filter(({ wins, score, likeness }) => !wins && (score > 0 || likeness)).slice(0, SHOWN);
  return (
    <Stack gap="xs" mt="md" role="status">
      {winner ? (
        <>
          <Group gap="xs">
            <Text fw={600} className="wraps">
              {t("try.wins", { name: winner.name })}
            </Text>
            {winner.score > 0 && (
              <Badge variant="light" tt="none">
                {t("trace.score", { score: winner.score })}
              </Badge>
            )}
          </Group>
          {winner.score > 0 && (
            <Text size="sm" c="dimmed" className="wraps">
              {t("trace.matched")}: {winner.matched.map((phrase) => `«${phrase}»`).join(", ")}
            </Text>
          )}
          <Near script={winner} />
        </>
      ) : (
        <Text>{t("try.nobody")}</Text>
      )}
      {tried.not_compared && (
        <Text size="sm" c="dimmed" className="wraps">
          {t("trace.not-compared", { why: tried.not_compared })}
        </Text>
      )}
      {close.map((script) => (
        <div key={script.id}>
          <Text size="sm" c="dimmed" className="wraps">
            {script.name}
            {script.score > 0 && ` (${script.score})`}:{" "}
            {translatedReason(t, script.reason, (key) => tried.scripts.find((other) => other.key === key)?.name ?? key)}
          </Text>
          <Near script={script} />
        </div>
      ))}
    </Stack>
  );
}

/** How near the phrase is to what a script means: in a word, and as a number. */
function Near({ script: { likeness, closeness, sentence } }: { script: TriedScripts["scripts"][number] }) {
  const { t, i18n } = useTranslation();
  if (typeof likeness !== "number" || !closeness) return null;
  return (
    <Text size="sm" c="dimmed" className="wraps">
      {t(`try.closeness.${closeness}`)} ({shownLikeness(i18n.language, likeness)}): «{sentence}»
    </Text>
  );
}
