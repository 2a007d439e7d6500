import { useSearchParams } from "react-router";
import type { ScriptFilter } from "../../api/scripts";

/** Filters and the opened script are in the address. */
export function useScriptsState() {
  const [query, setQuery] = useSearchParams();
  const q = query.get("q");
  const language = query.get("language");
  const enabled = query.get("enabled");
  const filter: ScriptFilter = {
    ...(q ? { q } : {}),
    ...(language ? { language } : {}),
    ...(enabled === "true" || enabled === "false" ? { enabled: enabled === "true" } : {}),
  };
  const set = (name: string, value: string | undefined, replace = true) =>
    setQuery(
      (now) => {
        if (value) now.set(name, value);
        else now.delete(name);
        return now;
      },
      { replace },
    );
  return {
    filter,
    opened: query.get("script") ?? undefined,
    phrase: query.get("phrase") ?? undefined,
    set,
    open: (id: string | undefined) =>
      setQuery((now) => {
        now.delete("phrase");
        if (id) now.set("script", id);
        else now.delete("script");
        return now;
      }),
  };
}

export type ScriptsState = ReturnType<typeof useScriptsState>;
