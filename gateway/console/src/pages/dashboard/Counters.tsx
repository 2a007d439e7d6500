import { SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Summary } from "../../api/types";
import { useSession } from "../../app/session";
import { share, spoken } from "../../parts/numbers";
import { When } from "../../parts/When";
import classes from "./Dashboard.module.css";

export function Counters({ summary }: { summary: Summary }) {
  const { t, i18n } = useTranslation();
  const { tenant } = useSession();
  const { total } = summary;
  const number = new Intl.NumberFormat(i18n.language);
  const dollars = new Intl.NumberFormat(i18n.language, { style: "currency", currency: "USD" });
  const inbox = `/manage/${tenant.id}/conversations`;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
      <Counter name={t("dashboard.messages")} value={number.format(total.messages)} />
      <Counter
        name={t("dashboard.answered")}
        value={share(i18n.language, total.answered, total.messages)}
        about={t("dashboard.answered-of", {
          answered: number.format(total.answered),
          messages: number.format(total.messages),
        })}
      />
      <Counter
        name={t("dashboard.median")}
        value={spoken(t, i18n.language, total.median_s)}
        about={t("dashboard.p95", { time: spoken(t, i18n.language, total.p95_s) })}
      />
      <Counter
        name={t("dashboard.handoffs")}
        value={number.format(total.handoffs)}
        about={t("dashboard.takeovers", { count: total.takeovers })}
      />
      <Counter
        name={t("dashboard.waiting")}
        value={number.format(total.waiting)}
        to={`${inbox}?control=waiting`}
        alarm={total.waiting > 0}
        about={
          summary.oldest_waiting_at ? (
            <>
              {t("dashboard.since")} <When at={summary.oldest_waiting_at} />
            </>
          ) : (
            t("dashboard.nobody-waits")
          )
        }
      />
      <Counter
        name={t("dashboard.errors")}
        value={number.format(total.errors)}
        to="?show=errors"
        alarm={total.errors > 0}
        about={t(total.errors > 0 ? "dashboard.look-at-errors" : "dashboard.no-errors")}
      />
      {total.spend > 0 && <Counter name={t("dashboard.spend")} value={dollars.format(total.spend)} />}
    </SimpleGrid>
  );
}

interface CounterProps {
  name: string;
  value: string;
  about?: ReactNode;
  to?: string;
  alarm?: boolean;
}

function Counter({ name, value, about, to, alarm }: CounterProps) {
  const shown = (
    <>
      <Text size="sm" c="dimmed">
        {name}
      </Text>
      <div className={classes.number} data-counter={name}>
        {value}
      </div>
      {about && (
        <Text size="xs" c="dimmed">
          {about}
        </Text>
      )}
    </>
  );
  const look = `${classes.card} ${alarm ? classes.alarm : ""}`;
  return to ? (
    <Link to={to} className={`${look} ${classes.link}`}>
      {shown}
    </Link>
  ) : (
    <div className={look}>{shown}</div>
  );
}
