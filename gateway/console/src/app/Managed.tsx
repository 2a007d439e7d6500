import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Navigate, useLocation, useParams } from "react-router";
import { sessionQuery } from "../api/queries";
import { speakAs } from "../i18n";
import { Failed, Loading } from "../parts/states";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";
import { SessionContext } from "./session";

/** The pages of one company, for who is logged in to it. */
export function Managed() {
  const session = useQuery(sessionQuery);
  const { tenantId } = useParams();
  const here = useLocation();
  const locale = session.data?.user.locale;
  useEffect(() => {
    if (locale) speakAs(locale);
  }, [locale]);
  if (session.isPending) return <Loading />;
  if (session.isError) return <Failed error={session.error} again={() => void session.refetch()} />;
  if (!session.data) {
    const back = `${here.pathname}${here.search}`;
    return <Navigate to={`/login?back=${encodeURIComponent(back)}`} replace />;
  }
  if (session.data.tenant.id !== tenantId) return <NotFound />;
  return (
    <SessionContext value={session.data}>
      <Shell />
    </SessionContext>
  );
}
