import { createContext, use } from "react";
import type { Session } from "../api/types";

export const SessionContext = createContext<Session | null>(null);

/** Who is logged in; only below the pages of a company. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error("outside of the company's pages");
  return session;
}

const LEVELS = ["viewer", "operator", "admin", "owner"];

/** Whether who is logged in may do what needs this role. */
export function useMay(level: "viewer" | "operator" | "admin" | "owner"): boolean {
  return LEVELS.indexOf(useSession().user.role) >= LEVELS.indexOf(level);
}
