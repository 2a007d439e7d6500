import { Drawer, Tabs } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

interface Props {
  title: string;
  opened: boolean;
  onClose: () => void;
  /** Of something that is there already: its form first, then what is known of it. */
  tabs?: { name: string; label: string; content: ReactNode }[] | undefined;
  children?: ReactNode;
}

/** The form of one thing of a list, at the right. */
export function EditDrawer({ title, opened, onClose, tabs, children }: Props) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position="right"
      size="xl"
      title={title}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {children}
      {tabs && (
        <Tabs defaultValue={tabs[0]?.name ?? null} keepMounted={false}>
          <Tabs.List mb="md">
            {tabs.map(({ name, label }) => (
              <Tabs.Tab key={name} value={name}>
                {label}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {tabs.map(({ name, content }) => (
            <Tabs.Panel key={name} value={name}>
              {content}
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
    </Drawer>
  );
}
