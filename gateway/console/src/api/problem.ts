/** RFC 9457, as our API answers on every error. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  request_id?: string;
  errors?: { detail: string; code: string; pointer?: string; parameter?: string }[];
}

/** A request that was refused, failed, or did not reach the server (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem?: Problem,
  ) {
    super(problem?.detail ?? `status ${status}`);
  }

  get requestId(): string | undefined {
    return this.problem?.request_id;
  }

  static async of(response: Response): Promise<ApiError> {
    return new ApiError(response.status, asProblem(await response.json().catch(() => undefined)));
  }
}

export function asProblem(value: unknown): Problem | undefined {
  return typeof value === "object" && value !== null && "status" in value && "detail" in value
    ? (value as Problem)
    : undefined;
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0);
}

/** Somebody else changed it in between. */
export function isStale(error: unknown): boolean {
  return asApiError(error).status === 412;
}

/** What is wrong below a place of the body, by the JSON pointer from there. */
export function faultsBelow(error: unknown, place: string): Map<string, string> {
  const flaws = (error instanceof ApiError && error.problem?.errors) || [];
  const below = flaws.filter(({ pointer }) => pointer?.startsWith(`${place}/`));
  return new Map(below.map(({ pointer = "", detail }) => [pointer.slice(place.length), detail]));
}
