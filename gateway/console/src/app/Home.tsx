import { useQuery } from "@tanstack/react-query";
import { Navigate } from "react-router";
import { sessionQuery } from "../api/queries";
import { Failed, Loading } from "../parts/states";

/** Leads to the company's pages, or to the login. */
export function Home() {
  const session = useQuery(sessionQuery);
  if (session.isPending) return <Loading />;
  if (session.isError) return <Failed error={session.error} again={() => void session.refetch()} />;
  return <Navigate to={session.data ? `/manage/${session.data.tenant.id}` : "/login"} replace />;
}
