import { ActionIcon, Alert, Button, Checkbox, Group, Menu, Modal, Stack, Text } from "@mantine/core";
import IconDots from "@tabler/icons-react/icons/IconDots";
import IconDownload from "@tabler/icons-react/icons/IconDownload";
import IconUpload from "@tabler/icons-react/icons/IconUpload";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { asApiError } from "../../api/problem";
import { exportScripts, SCRIPTS_FORMAT, useImportScripts } from "../../api/scripts";
import type { ScriptsDocument } from "../../api/types";
import { showDone, showProblem } from "../../app/toasts";
import { Refusal } from "../../parts/states";
import { fileFaultLine } from "./faults";

type Chosen = ScriptsDocument["scripts"] | "not-a-file";

/** All scripts of an agent as a file, and back. */
export function Files({ agentId, mayEdit }: { agentId: string; mayEdit: boolean }) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState<Chosen>();
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t("scripts.more")}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconDownload size={16} />}
            onClick={() => void exportScripts(agentId).then(saveFile, showProblem)}
          >
            {t("scripts.export")}
          </Menu.Item>
          {mayEdit && (
            <Menu.Item leftSection={<IconUpload size={16} />} onClick={() => input.current?.click()}>
              {t("scripts.import")}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <input
        ref={input}
        type="file"
        accept="application/json,.json"
        hidden
        aria-label={t("scripts.import")}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file) void file.text().then((text) => setChosen(scriptsIn(text)));
        }}
      />
      <Modal
        opened={chosen !== undefined}
        onClose={() => setChosen(undefined)}
        title={t("scripts.import-title")}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        {chosen === "not-a-file" && (
          <Alert color="red" variant="light" role="alert" title={t("scripts.not-a-file")}>
            {t("scripts.not-a-file-text")}
          </Alert>
        )}
        {chosen && chosen !== "not-a-file" && (
          <TakeIn agentId={agentId} scripts={chosen} onClose={() => setChosen(undefined)} />
        )}
      </Modal>
    </>
  );
}

interface TakeInProps {
  agentId: string;
  scripts: ScriptsDocument["scripts"];
  onClose: () => void;
}

function TakeIn({ agentId, scripts, onClose }: TakeInProps) {
  const { t } = useTranslation();
  const [replace, setReplace] = useState(false);
  const take = useImportScripts(agentId);
  const send = () =>
    take.mutate(
      { scripts, replace },
      {
        onSuccess: ({ imported }) => {
          onClose();
          showDone(t("scripts.imported", { count: imported }));
        },
      },
    );
  return (
    <Stack>
      <Text size="sm">{t("scripts.import-text", { count: scripts.length })}</Text>
      <Checkbox
        label={t("scripts.replace")}
        description={t("scripts.replace-hint")}
        checked={replace}
        onChange={(event) => setReplace(event.currentTarget.checked)}
      />
      {take.error && <Refused error={take.error} scripts={scripts} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {t("app.cancel")}
        </Button>
        <Button onClick={send} loading={take.isPending}>
          {t("scripts.take-in")}
        </Button>
      </Group>
    </Stack>
  );
}

/** Which scripts of the file were refused, where and why. */
function Refused({ error, scripts }: { error: unknown; scripts: ScriptsDocument["scripts"] }) {
  const { t } = useTranslation();
  const flaws = [...(asApiError(error).problem?.errors ?? [])].sort((one, other) => placeOf(one) - placeOf(other));
  if (!flaws.some(({ pointer }) => pointer?.startsWith("/scripts/"))) return <Refusal error={error} />;
  return (
    <Alert color="red" variant="light" role="alert" title={t("scripts.not-taken-in")}>
      <ul>
        {flaws.map(({ pointer = "", detail }) => (
          <li key={pointer + detail} className="wraps">
            {fileFaultLine(t, scripts, pointer, detail)}
          </li>
        ))}
      </ul>
    </Alert>
  );
}

/** The number of the script that a flaw is about. */
function placeOf({ pointer = "" }: { pointer?: string }): number {
  return Number(pointer.split("/")[2] ?? 0) || 0;
}

/** The scripts of a file; the server looks at each of them. */
function scriptsIn(text: string): Chosen {
  try {
    const found = JSON.parse(text);
    return found?.format === SCRIPTS_FORMAT && Array.isArray(found.scripts) ? found.scripts : "not-a-file";
  } catch {
    return "not-a-file";
  }
}

function saveFile(scripts: ScriptsDocument): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(scripts, undefined, 2)], { type: "application/json" }));
  link.download = "scripts.json";
  link.click();
  // The browser reads it a moment later.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
