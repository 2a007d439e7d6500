import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAddAddress } from "../../api/knowledge";
import { showDone } from "../../app/toasts";
import { siteAddress, webAddress } from "../../parts/url";

export type AddressKind = "page" | "site";

interface Props {
  agentId: string;
  kind: AddressKind | undefined;
  onClose: () => void;
}

export function AddAddress({ agentId, kind, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={kind !== undefined}
      onClose={onClose}
      title={t(`knowledge.add-${kind ?? "page"}`)}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {kind && <Form agentId={agentId} kind={kind} onClose={onClose} />}
    </Modal>
  );
}

function Form({ agentId, kind, onClose }: { agentId: string; kind: AddressKind; onClose: () => void }) {
  const { t } = useTranslation();
  const [address, setAddress] = useState("");
  const [left, setLeft] = useState(false);
  const add = useAddAddress(agentId);
  const whole = kind === "site" ? siteAddress(address) : webAddress(address);
  const send = () => {
    if (!whole) return setLeft(true);
    const onSuccess = () => {
      showDone(t("knowledge.taken-address"));
      onClose();
    };
    return add.mutate({ kind, address: whole }, { onSuccess });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Stack>
        <Text size="sm">{t(`knowledge.${kind}-text`)}</Text>
        <TextInput
          label={t("knowledge.address")}
          placeholder="https://shop.example"
          inputMode="url"
          maxLength={2000}
          value={address}
          error={left && address && !whole ? t("knowledge.address-wrong") : undefined}
          onBlur={() => setLeft(true)}
          onChange={(event) => setAddress(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("app.cancel")}
          </Button>
          <Button type="submit" loading={add.isPending} disabled={!address.trim()}>
            {t("knowledge.add")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
