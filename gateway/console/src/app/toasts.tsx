import { Button, Code, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import i18next from "i18next";
import { type ApiError, asApiError } from "../api/problem";
import { CopyButton } from "../parts/CopyButton";

const SHOWN_MS = 8_000;
const UNDO_MS = 12_000;

/** Say what went wrong, with the request's id where the server gave one. */
export function showProblem(error: unknown): void {
  const problem = asApiError(error);
  notifications.show({
    color: "red",
    title: problemTitle(problem),
    message: <ProblemText error={problem} />,
    autoClose: SHOWN_MS,
    closeButtonProps: { "aria-label": i18next.t("app.close") },
  });
}

export function showDone(message: string): void {
  notifications.show({ message, closeButtonProps: { "aria-label": i18next.t("app.close") } });
}

/** Say what was done, and offer to take it back. The same `id` is shown once. */
export function offerUndo(id: string, message: string, onUndo: () => void): void {
  const undo = () => {
    notifications.hide(id);
    onUndo();
  };
  notifications.show({
    id,
    autoClose: UNDO_MS,
    closeButtonProps: { "aria-label": i18next.t("app.close") },
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" className="wraps">
          {message}
        </Text>
        <Button size="compact-sm" variant="light" onClick={undo}>
          {i18next.t("app.undo")}
        </Button>
      </Group>
    ),
  });
}

export function problemTitle(error: ApiError): string {
  if (error.status === 0) return i18next.t("problem.unreachable");
  const known = `problem.status.${error.status}`;
  return i18next.exists(known) ? i18next.t(known) : i18next.t("problem.server");
}

/** What is wrong in the reader's language where we have words for it, else in the API's. */
function wordsOf({ code, detail }: { code: string; detail: string }): string {
  return i18next.t(`problem.flaw.${code}`, { defaultValue: detail });
}

export function ProblemText({ error }: { error: ApiError }) {
  const flaws = error.problem?.errors?.map(wordsOf).join("; ");
  return (
    <>
      {flaws && (
        <Text size="sm" className="wraps">
          {flaws}
        </Text>
      )}
      {error.requestId && (
        <Group gap={4} wrap="nowrap">
          <Text size="xs" c="dimmed">
            {i18next.t("problem.request")}
          </Text>
          <Code fz="xs" c="var(--mantine-color-text)">
            {error.requestId}
          </Code>
          <CopyButton value={error.requestId} />
        </Group>
      )}
    </>
  );
}
