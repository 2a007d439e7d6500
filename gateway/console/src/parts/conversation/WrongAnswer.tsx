import { Alert, Button, Group, Modal, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCorrect, usePassages } from "../../api/checks";
import { useScripts } from "../../api/scripts";
import type { Check, Correction } from "../../api/types";
import { showDone } from "../../app/toasts";

const LONGEST_QUESTION = 500;
const KINDS = ["new_script", "script", "new_passage", "passage", "handoff"] as const;
type Kind = (typeof KINDS)[number];

interface Props {
  agentId: string;
  messageId: string;
  question: string;
  onClose: () => void;
}

/** What would have been right: the draft learns it, and a check keeps it. */
export function WrongAnswer({ agentId, messageId, question, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={onClose} title={t("wrong.title")} closeButtonProps={{ "aria-label": t("app.close") }}>
      <Form agentId={agentId} messageId={messageId} question={question} onClose={onClose} />
    </Modal>
  );
}

function Form({ agentId, messageId, question, onClose }: Props) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(question.slice(0, LONGEST_QUESTION));
  const [kind, setKind] = useState<Kind>("new_script");
  const [text, setText] = useState("");
  const [title, setTitle] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const [stored, setStored] = useState<Check>();
  const correct = useCorrect(agentId);
  const right = rightOf(kind, text.trim(), title.trim(), chosen);
  const send = () => {
    if (!right) return;
    correct.mutate(
      { question: asked, message_id: messageId, right },
      {
        onSuccess: (check) => {
          if (check.outcome !== "passed") return setStored(check);
          showDone(t("wrong.done"));
          onClose();
        },
      },
    );
  };
  if (stored) return <NotYet check={stored} onClose={onClose} />;
  return (
    <Stack>
      <Text size="sm">{t("wrong.text")}</Text>
      <Textarea
        label={t("wrong.question")}
        autosize
        minRows={1}
        maxLength={LONGEST_QUESTION}
        value={asked}
        onChange={(event) => setAsked(event.currentTarget.value)}
      />
      <Select
        label={t("wrong.right")}
        data={KINDS.map((value) => ({ value, label: t(`wrong.kind.${value}`) }))}
        value={kind}
        allowDeselect={false}
        onChange={(value) => {
          setKind(value as Kind);
          setChosen(null);
        }}
      />
      {kind === "new_passage" && (
        <TextInput
          label={t("wrong.passage-title")}
          description={t("wrong.passage-title-hint")}
          maxLength={200}
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
      )}
      {(kind === "new_script" || kind === "new_passage") && (
        <Textarea
          label={t("wrong.answer")}
          autosize
          minRows={3}
          maxLength={3500}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      )}
      {kind === "script" && <PickScript agentId={agentId} value={chosen} onChange={setChosen} />}
      {kind === "passage" && <PickPassage agentId={agentId} value={chosen} onChange={setChosen} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("app.cancel")}
        </Button>
        <Button onClick={send} loading={correct.isPending} disabled={!right || !asked.trim()}>
          {t("wrong.save")}
        </Button>
      </Group>
    </Stack>
  );
}

function NotYet({ check, onClose }: { check: Check; onClose: () => void }) {
  const { t } = useTranslation();
  const open = check.outcome === "open";
  return (
    <Stack>
      <Alert color={open ? "gray" : "orange"} variant="light" title={t(open ? "wrong.open" : "wrong.not-yet")}>
        <Text size="sm" className="wraps">
          {open
            ? t("wrong.open-text")
            : t("wrong.not-yet-text", { text: check.said?.text.trim().replace(/\.$/, "") || t("mode.silent") })}
        </Text>
      </Alert>
      <Group justify="flex-end">
        <Button onClick={onClose}>{t("app.close")}</Button>
      </Group>
    </Stack>
  );
}

interface PickProps {
  agentId: string;
  value: string | null;
  onChange: (id: string | null) => void;
}

function PickScript({ agentId, value, onChange }: PickProps) {
  const { t } = useTranslation();
  const [search, setSearch] = useState("");
  const [q] = useDebouncedValue(search.trim(), 200);
  const found = useScripts(agentId, { enabled: true });
  const searched = useScripts(agentId, q ? { enabled: true, q } : { enabled: true });
  const all = [...(searched.data?.pages ?? []), ...(found.data?.pages ?? [])].flatMap((page) => page.items);
  const data = [...new Map(all.map((script) => [script.id, { value: script.id, label: script.name }])).values()];
  return (
    <Select
      label={t("wrong.script")}
      searchable
      data={data}
      value={value}
      onChange={onChange}
      searchValue={search}
      onSearchChange={setSearch}
      nothingFoundMessage={t("wrong.nothing")}
    />
  );
}

function PickPassage({ agentId, value, onChange }: PickProps) {
  const { t } = useTranslation();
  const passages = usePassages(agentId, true);
  const data = (passages.data ?? []).map((passage) => ({ value: String(passage.id), label: String(passage.title) }));
  return (
    <Select
      label={t("wrong.passage")}
      searchable
      limit={100}
      data={data}
      value={value}
      onChange={onChange}
      nothingFoundMessage={t("wrong.nothing")}
    />
  );
}

function rightOf(kind: Kind, text: string, title: string, chosen: string | null): Correction["right"] | undefined {
  switch (kind) {
    case "handoff":
      return { kind };
    case "new_script":
      return text ? { kind, text } : undefined;
    case "new_passage":
      return text ? { kind, text, title: title || null } : undefined;
    case "script":
      return chosen ? { kind, script_id: chosen } : undefined;
    case "passage":
      return chosen ? { kind, passage_id: chosen } : undefined;
  }
}
