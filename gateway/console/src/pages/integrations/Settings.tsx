import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { useChangeIntegration } from "../../api/integrations";
import type { Integration } from "../../api/types";
import classes from "./Integrations.module.css";

interface Props {
  integration: Integration;
  webhooks: boolean;
  change: ReturnType<typeof useChangeIntegration>;
}

/** How messages come in, and what happens to a reply of which nobody knows whether it arrived. */
export function Settings({ integration, webhooks, change }: Props) {
  const { t } = useTranslation();
  return (
    <div className={classes.settings}>
      <Select
        label={t("integrations.mode")}
        description={t(webhooks ? "integrations.mode-hint" : "integrations.mode-none")}
        data={[
          { value: "push", label: t("integrations.push"), disabled: !webhooks },
          { value: "poll", label: t("integrations.poll") },
        ]}
        value={integration.mode}
        allowDeselect={false}
        disabled={change.isPending}
        onChange={(mode) => (mode === "push" || mode === "poll") && change.mutate({ mode })}
      />
      <Select
        label={t("integrations.policy")}
        description={t("integrations.policy-hint")}
        data={[
          { value: "repeat_once", label: t("integrations.repeat") },
          { value: "once", label: t("integrations.once") },
        ]}
        value={integration.reply_policy}
        allowDeselect={false}
        disabled={change.isPending}
        onChange={(policy) =>
          (policy === "once" || policy === "repeat_once") && change.mutate({ reply_policy: policy })
        }
      />
    </div>
  );
}
