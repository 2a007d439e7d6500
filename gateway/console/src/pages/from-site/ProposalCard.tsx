import { Anchor, Badge, Button, Card, Group, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Decisions, linesOf, type Proposal } from "./draft";

interface Props {
  proposal: Proposal;
  decisions: Decisions;
  mayEdit: boolean;
}

/** One script as it was proposed: it may be edited and declined. */
export function ProposalCard({ proposal, decisions, mayEdit }: Props) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState(false);
  const change = decisions.draft.changes[proposal.id] ?? {};
  const declined = change.declined ?? false;
  const name = change.name ?? proposal.name;
  const phrases = change.phrases ?? linesOf(proposal.phrases);
  return (
    <Card withBorder padding="md" component="article" aria-label={name}>
      <Stack gap="xs">
        <Group justify="space-between" align="flex-start" gap="xs">
          <Group gap="xs">
            <Text fw={600} className="wraps" td={declined ? "line-through" : undefined}>
              {name}
            </Text>
            {declined && (
              <Badge variant="default" tt="none" fw={500}>
                {t("from-site.declined")}
              </Badge>
            )}
          </Group>
          {mayEdit && (
            <Group gap={6}>
              {!declined && (
                <Button size="xs" variant="default" onClick={() => setEditing(!editing)}>
                  {t(editing ? "from-site.ready-editing" : "from-site.edit")}
                </Button>
              )}
              <Button
                size="xs"
                variant="default"
                onClick={() => decisions.change(proposal.id, { declined: !declined })}
              >
                {t(declined ? "from-site.accept" : "from-site.decline")}
              </Button>
            </Group>
          )}
        </Group>
        {editing && !declined ? (
          <Edited proposal={proposal} decisions={decisions} />
        ) : (
          <>
            <Text size="sm" c="dimmed" className="wraps">
              {t("from-site.said", { phrases: phrases.split("\n").filter(Boolean).join(" · ") })}
            </Text>
            <Text size="sm" className="wraps" style={{ whiteSpace: "pre-line" }}>
              {change.answer ?? proposal.answer}
            </Text>
          </>
        )}
        <Text size="xs" c="dimmed" className="wraps">
          {t("from-site.source")}{" "}
          <Anchor href={proposal.source} target="_blank" rel="noreferrer noopener" size="xs" underline="always">
            {proposal.source}
          </Anchor>
        </Text>
      </Stack>
    </Card>
  );
}

function Edited({ proposal, decisions }: Pick<Props, "proposal" | "decisions">) {
  const { t } = useTranslation();
  const change = decisions.draft.changes[proposal.id] ?? {};
  return (
    <>
      <TextInput
        label={t("from-site.name")}
        maxLength={200}
        value={change.name ?? proposal.name}
        onChange={(event) => decisions.change(proposal.id, { name: event.currentTarget.value })}
      />
      <Textarea
        label={t("from-site.phrases")}
        description={t("from-site.phrases-hint")}
        autosize
        minRows={2}
        value={change.phrases ?? linesOf(proposal.phrases)}
        onChange={(event) => decisions.change(proposal.id, { phrases: event.currentTarget.value })}
      />
      <Textarea
        label={t("from-site.answer")}
        autosize
        minRows={2}
        maxLength={3500}
        value={change.answer ?? proposal.answer}
        onChange={(event) => decisions.change(proposal.id, { answer: event.currentTarget.value })}
      />
    </>
  );
}
