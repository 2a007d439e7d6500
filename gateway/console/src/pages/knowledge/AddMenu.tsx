import { Button, Menu, Text } from "@mantine/core";
import IconFileText from "@tabler/icons-react/icons/IconFileText";
import IconPencil from "@tabler/icons-react/icons/IconPencil";
import IconPlus from "@tabler/icons-react/icons/IconPlus";
import IconWorld from "@tabler/icons-react/icons/IconWorld";
import IconWorldWww from "@tabler/icons-react/icons/IconWorldWww";
import { type ReactNode, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { AddAddress, type AddressKind } from "./AddAddress";
import { ENDINGS } from "./useFiles";

interface Props {
  agentId: string;
  onText: () => void;
  onFiles: (files: File[]) => void;
}

/** Everything that can become a document. */
export function AddMenu({ agentId, onText, onFiles }: Props) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [address, setAddress] = useState<AddressKind>();
  return (
    <>
      <Menu position="bottom-end" withinPortal width={300}>
        <Menu.Target>
          <Button leftSection={<IconPlus size={16} />}>{t("knowledge.add")}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Way
            icon={<IconFileText size={18} />}
            name={t("knowledge.add-files")}
            hint={t("knowledge.add-files-hint")}
            onClick={() => input.current?.click()}
          />
          <Way
            icon={<IconPencil size={18} />}
            name={t("knowledge.add-text")}
            hint={t("knowledge.add-text-hint")}
            onClick={onText}
          />
          <Way
            icon={<IconWorldWww size={18} />}
            name={t("knowledge.add-page")}
            hint={t("knowledge.add-page-hint")}
            onClick={() => setAddress("page")}
          />
          <Way
            icon={<IconWorld size={18} />}
            name={t("knowledge.add-site")}
            hint={t("knowledge.add-site-hint")}
            onClick={() => setAddress("site")}
          />
        </Menu.Dropdown>
      </Menu>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={ENDINGS}
        aria-label={t("knowledge.choose-files")}
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
      <AddAddress agentId={agentId} kind={address} onClose={() => setAddress(undefined)} />
    </>
  );
}

function Way({ icon, name, hint, onClick }: { icon: ReactNode; name: string; hint: string; onClick: () => void }) {
  return (
    <Menu.Item leftSection={icon} onClick={onClick}>
      {name}
      <Text size="xs" c="dimmed">
        {hint}
      </Text>
    </Menu.Item>
  );
}
