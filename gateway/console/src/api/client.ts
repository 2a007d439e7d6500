import createClient from "openapi-fetch";
import { ApiError, asProblem } from "./problem";
import type { paths } from "./schema";

const PATIENCE_MS = 30_000;

const LONG_MS = 180_000;
const LONG = ["/api/tenant/import", "/publish"]; // all of a company is written, checks are run

function patience({ url }: Request): number {
  return LONG.some((path) => new URL(url).pathname.endsWith(path)) ? LONG_MS : PATIENCE_MS;
}

export const api = createClient<paths>({
  baseUrl: "",
  fetch: async (request) => {
    try {
      return await fetch(request, {
        signal: AbortSignal.any([request.signal, AbortSignal.timeout(patience(request))]),
      });
    } catch (error) {
      if (request.signal.aborted) throw error;
      throw new ApiError(0);
    }
  },
});

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Return what the API answered, or throw its problem. */
export async function said<T>(answer: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new ApiError(response.status, asProblem(error));
  return data as T;
}

/** For what is changed against a version. */
export function ifMatch(version: number): { "If-Match": string } {
  return { "If-Match": `"${version}"` };
}
