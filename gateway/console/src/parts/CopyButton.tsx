import { ActionIcon, CopyButton as Copier, Tooltip } from "@mantine/core";
import IconCheck from "@tabler/icons-react/icons/IconCheck";
import IconCopy from "@tabler/icons-react/icons/IconCopy";
import { useTranslation } from "react-i18next";

export function CopyButton({ value }: { value: string }) {
  const { t } = useTranslation();
  return (
    <Copier value={value}>
      {({ copied, copy }) => (
        <Tooltip label={t(copied ? "app.copied" : "app.copy")}>
          <ActionIcon size="sm" onClick={copy} aria-label={`${t("app.copy")}: ${value}`}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </Copier>
  );
}
