import { Text } from "@mantine/core";
import { type DragEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./Knowledge.module.css";

interface Props {
  disabled: boolean;
  onFiles: (files: File[]) => void;
  children: ReactNode;
}

/** Takes files that are dropped anywhere on the page. The same can be done by the menu: by keyboard, too. */
export function DropArea({ disabled, onFiles, children }: Props) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const brings = (event: DragEvent) => !disabled && event.dataTransfer.types.includes("Files");
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a pointer's short cut of what the menu does
    <div
      className={classes.drop}
      onDragOver={(event) => {
        if (!brings(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (!brings(event)) return;
        event.preventDefault();
        onFiles([...event.dataTransfer.files]);
      }}
    >
      {children}
      {over && (
        <div className={classes.over}>
          <Text fw={600} size="lg">
            {t("knowledge.drop")}
          </Text>
        </div>
      )}
    </div>
  );
}
