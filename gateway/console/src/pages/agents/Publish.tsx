import { Alert, Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usePublish } from "../../api/agents";
import { ApiError } from "../../api/problem";
import type { Agent, CheckRun } from "../../api/types";
import { showDone, showProblem } from "../../app/toasts";
import { Differences } from "./Differences";

/** From now on customers are answered by what the draft says. */
export function Publish({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const [asking, ask] = useDisclosure(false);
  const [note, setNote] = useState("");
  const [broken, setBroken] = useState<CheckRun["items"]>();
  const publish = usePublish(agent.id);
  const open = () => {
    setBroken(undefined);
    ask.open();
  };
  const send = () =>
    publish.mutate(
      { note, despiteChecks: broken !== undefined },
      {
        onSuccess: (version) => {
          ask.close();
          setNote("");
          showDone(t("agents.is-published", { number: version.version }));
        },
        onError: (error) => {
          const found = brokenBy(error);
          if (found) setBroken(found);
          else showProblem(error);
        },
      },
    );
  return (
    <>
      <Button onClick={open} disabled={!agent.unpublished_changes}>
        {t("agents.publish")}
      </Button>
      <Modal
        opened={asking}
        onClose={ask.close}
        title={t("agents.publish-title")}
        size="lg"
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <Text size="sm">{t("agents.publish-text")}</Text>
          <Stack gap={4}>
            <Text fw={600}>{t("differs.customers-get")}</Text>
            <Differences agentId={agent.id} />
          </Stack>
          <Textarea
            label={t("agents.note")}
            description={t("agents.note-hint")}
            autosize
            minRows={2}
            maxLength={1000}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            data-autofocus
          />
          {broken && <Broken items={broken} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={ask.close}>
              {t("app.cancel")}
            </Button>
            <Button onClick={send} loading={publish.isPending} {...(broken && { color: "red", variant: "light" })}>
              {t(broken ? "checks.publish-anyway" : "agents.publish")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Broken({ items }: { items: CheckRun["items"] }) {
  const { t } = useTranslation();
  return (
    <Alert color="red" variant="light" title={t("checks.broken", { count: items.length })}>
      <Stack gap="xs">
        {items.map((item) => (
          <div key={item.id}>
            <Text size="sm" fw={600} className="wraps">
              {item.question}
            </Text>
            <Text size="sm" className="wraps" lineClamp={3}>
              {t("checks.said", { text: item.said.text || t("mode.silent") })}
            </Text>
          </div>
        ))}
      </Stack>
    </Alert>
  );
}

/** The checks that fail in the draft and pass on what is published; undefined if the error is another. */
function brokenBy(error: unknown): CheckRun["items"] | undefined {
  if (!(error instanceof ApiError) || error.status !== 409) return undefined;
  const { run } = (error.problem ?? {}) as { run?: CheckRun };
  return run?.items.filter((item) => item.outcome === "failed" && item.before === "passed");
}
