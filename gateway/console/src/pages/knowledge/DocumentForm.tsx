import { Button, Group, SegmentedControl, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSaveDocument } from "../../api/knowledge";
import type { DocumentBody, DocumentSource } from "../../api/types";
import { showDone } from "../../app/toasts";

const KINDS = ["text", "markdown", "csv"] as const;
type Kind = (typeof KINDS)[number];

interface Props {
  agentId: string;
  known?: DocumentSource;
  mayEdit: boolean;
  onDone: () => void;
}

/** A document as people type or paste it. */
export function DocumentForm({ agentId, known, mayEdit, onDone }: Props) {
  const { t } = useTranslation();
  const [title, setTitle] = useState(known?.title ?? "");
  const [kind, setKind] = useState<Kind>(KINDS.find((value) => value === known?.kind) ?? "text");
  const [text, setText] = useState(known?.text ?? "");
  const save = useSaveDocument(agentId);
  const send = () => {
    const body: DocumentBody = { title: title.trim(), kind, text };
    save.mutate(known ? { body, known } : { body }, {
      onSuccess: () => {
        showDone(t("app.saved"));
        onDone();
      },
    });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Stack>
        <TextInput
          label={t("knowledge.title")}
          description={t("knowledge.title-hint")}
          maxLength={200}
          value={title}
          readOnly={!mayEdit}
          onChange={(event) => setTitle(event.currentTarget.value)}
          data-autofocus
        />
        {known && known.origin !== "typed" ? null : (
          <Stack gap={4}>
            <SegmentedControl
              aria-label={t("knowledge.form")}
              data={KINDS.map((value) => ({
                value,
                label: t(value === "csv" ? "knowledge.kind-typed.csv" : `knowledge.kind.${value}`),
              }))}
              value={kind}
              disabled={!mayEdit}
              onChange={(value) => setKind(value as Kind)}
            />
            <Text size="sm" c="dimmed">
              {t(`knowledge.kind-hint.${kind}`)}
            </Text>
          </Stack>
        )}
        <Textarea
          label={t("knowledge.content")}
          autosize
          minRows={10}
          maxRows={24}
          value={text}
          readOnly={!mayEdit}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {mayEdit && (
          <Group justify="flex-end">
            <Button variant="default" onClick={onDone}>
              {t("app.cancel")}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!title.trim() || !text.trim()}>
              {t("app.save")}
            </Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}
