import { useTranslation } from "react-i18next";
import { useMay } from "../../app/session";
import { useTitle } from "../../app/title";
import { Page, PageHead } from "../../parts/PageHead";
import { CompanyCard } from "./CompanyCard";
import { ConfigurationCard } from "./ConfigurationCard";
import { ConversationsCard } from "./ConversationsCard";
import { DigestCard } from "./DigestCard";
import { KeysCard } from "./people/KeysCard";
import { PeopleCard } from "./people/PeopleCard";
import { RetentionCard } from "./RetentionCard";

export function SettingsPage() {
  const { t } = useTranslation();
  const admin = useMay("admin");
  useTitle(t("page.settings"));
  return (
    <Page>
      <PageHead title={t("page.settings")} text={t(admin ? "settings.text" : "settings.admins-only")} />
      {admin && <CompanyCard />}
      {admin && <PeopleCard />}
      {admin && <KeysCard />}
      {admin && <DigestCard />}
      {admin && <ConfigurationCard />}
      {admin && <ConversationsCard />}
      {admin && <RetentionCard />}
    </Page>
  );
}
