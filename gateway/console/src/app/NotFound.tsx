import { Button, Center } from "@mantine/core";
import IconCompass from "@tabler/icons-react/icons/IconCompass";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Empty } from "../parts/states";
import { useTitle } from "./title";

export function NotFound() {
  const { t } = useTranslation();
  useTitle(t("lost.title"));
  return (
    <Center component="main" mih="70vh">
      <Empty icon={<IconCompass />} title={t("lost.title")} text={t("lost.text")}>
        <Button component={Link} to="/" variant="light">
          {t("lost.home")}
        </Button>
      </Empty>
    </Center>
  );
}
