import { Spotlight } from "@mantine/spotlight";
import IconSearch from "@tabler/icons-react/icons/IconSearch";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { PAGES } from "./pages";

/** Ctrl+K or Cmd+K: every page by its name. */
export function Palette({ base }: { base: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Spotlight
      shortcut={["mod + K"]}
      actions={PAGES.map((page) => ({
        id: page.path || "dashboard",
        label: t(page.name),
        leftSection: <page.icon size={20} stroke={1.6} />,
        onClick: () => void navigate(page.path ? `${base}/${page.path}` : base),
      }))}
      nothingFound={t("palette.nothing")}
      searchProps={{
        leftSection: <IconSearch size={18} />,
        placeholder: t("palette.placeholder"),
        "aria-label": t("palette.placeholder"),
      }}
    />
  );
}
