import { Alert, Button, Group, Modal, Select, Stack, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "../../api/problem";
import type { Agent, Widget } from "../../api/types";
import { useChangeWidget, useCreateWidget, type WidgetFields } from "../../api/widgets";
import { ProblemText, problemTitle, showDone } from "../../app/toasts";

interface Props {
  opened: boolean;
  onClose: () => void;
  /** Who may answer there; the first is offered. */
  agents: Agent[];
  known?: Widget;
}

export function WidgetDialog({ opened, onClose, agents, known }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t(known ? "widgets.edit-title" : "widgets.create-title")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {known ? <Change widget={known} onClose={onClose} /> : <Create agents={agents} onClose={onClose} />}
    </Modal>
  );
}

function Create({ agents, onClose }: { agents: Agent[]; onClose: () => void }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<string>();
  const create = useCreateWidget();
  const agentId = chosen ?? agents[0]?.id ?? "";
  const send = (fields: WidgetFields) =>
    create.mutate(
      { agentId, fields },
      {
        onSuccess: () => {
          onClose();
          showDone(t("widgets.is-created"));
        },
      },
    );
  return (
    <Fields onSend={send} onClose={onClose} error={create.error} loading={create.isPending} button="widgets.create">
      {agents.length > 1 && (
        <Select
          label={t("integrations.agent")}
          data={agents.map((agent) => ({ value: agent.id, label: agent.name }))}
          value={agentId}
          allowDeselect={false}
          onChange={(id) => id && setChosen(id)}
        />
      )}
    </Fields>
  );
}

function Change({ widget, onClose }: { widget: Widget; onClose: () => void }) {
  const change = useChangeWidget(widget);
  return (
    <Fields
      known={widget}
      onSend={(fields) => change.mutate(fields, { onSuccess: onClose })}
      onClose={onClose}
      error={null}
      loading={change.isPending}
      button="app.save"
    />
  );
}

interface FieldsProps {
  known?: WidgetFields;
  onSend: (fields: WidgetFields) => void;
  onClose: () => void;
  error: Error | null;
  loading: boolean;
  button: "widgets.create" | "app.save";
  children?: React.ReactNode;
}

function Fields({ known, onSend, onClose, error, loading, button, children }: FieldsProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(known?.name ?? "");
  const [sites, setSites] = useState(known?.origins.join("\n") ?? "");
  const origins = sites.split(/\s+/).filter(Boolean).map(asOrigin);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (origins.length > 0) onSend({ name, origins });
      }}
    >
      <Stack>
        <Textarea
          label={t("widgets.sites")}
          description={t("widgets.sites-hint")}
          placeholder="https://shop.example"
          autosize
          minRows={2}
          maxRows={8}
          maxLength={6_000}
          spellCheck={false}
          required
          value={sites}
          onChange={(event) => setSites(event.currentTarget.value)}
          data-autofocus
        />
        <TextInput
          label={t("widgets.name")}
          description={t("widgets.name-hint")}
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {children}
        {error && (
          <Alert color="red" variant="light" role="alert" title={problemTitle(asApiError(error))}>
            <ProblemText error={asApiError(error)} />
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={loading} disabled={origins.length === 0}>
            {t(button)}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** People paste the address of a page, or only a name: what counts is the site. */
function asOrigin(site: string): string {
  const address = /^https?:\/\//i.test(site) ? site : `https://${site}`;
  return URL.canParse(address) ? new URL(address).origin : site;
}
