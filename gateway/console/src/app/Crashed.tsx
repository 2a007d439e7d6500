import { Button, Center } from "@mantine/core";
import IconBug from "@tabler/icons-react/icons/IconBug";
import { useTranslation } from "react-i18next";
import { Empty } from "../parts/states";

/** What is shown when a page cannot be drawn, or its file is gone because a newer version was installed. */
export function Crashed() {
  const { t } = useTranslation();
  return (
    <Center component="main" mih="70vh">
      <Empty icon={<IconBug />} title={t("crash.title")} text={t("crash.text")}>
        <Button variant="light" onClick={() => location.reload()}>
          {t("crash.reload")}
        </Button>
      </Empty>
    </Center>
  );
}
