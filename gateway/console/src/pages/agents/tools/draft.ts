import { freshKey } from "../../../api/ids";
import type { AgentDraft } from "../../../api/types";
import type { ActionDraft } from "../../rules/draft";

export interface ParameterDraft {
  id: string;
  name: string;
  description: string;
  required: boolean;
}

/** A tool while it is written; `id` is the page's own. */
export interface ToolDraft {
  id: string;
  name: string;
  description: string;
  parameters: ParameterDraft[];
  actions: ActionDraft[];
}

interface Stored {
  name?: string;
  description?: string;
  parameters?: Partial<ParameterDraft>[];
  actions?: Record<string, unknown>[];
}

export function readTools({ persona }: AgentDraft): ToolDraft[] {
  return (persona.tools as Stored[]).map(({ name = "", description = "", parameters = [], actions = [] }) => ({
    id: freshKey(),
    name,
    description,
    parameters: parameters.map((known) => ({ ...freshParameter(), ...known, id: freshKey() })),
    actions: actions.map((raw) => ({ id: freshKey(), raw })),
  }));
}

export function writeTools(tools: ToolDraft[]) {
  return tools.map(({ name, description, parameters, actions }) => ({
    name: name.trim(),
    description: description.trim(),
    parameters: parameters.map((one) => ({ ...one, name: one.name.trim(), id: undefined })),
    actions: actions.map(({ raw }) => raw),
  }));
}

export function freshTool(): ToolDraft {
  return { id: freshKey(), name: "", description: "", parameters: [], actions: [] };
}

export function freshParameter(): ParameterDraft {
  return { id: freshKey(), name: "", description: "", required: true };
}

/** An example of what most shops want first. */
export function exampleTool(name: string, description: string, phone: string, text: string): ToolDraft {
  return {
    id: freshKey(),
    name,
    description,
    parameters: [{ id: freshKey(), name: "phone", description: phone, required: true }],
    actions: [
      { id: freshKey(), raw: { do: "set_variable", name: "phone", value: "{tool.phone}" } },
      { id: freshKey(), raw: { do: "notify", text } },
    ],
  };
}
