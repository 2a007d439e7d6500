import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionView"];
export type Agent = Schemas["AgentItem"];
export type AgentDraft = Schemas["AgentView"];
export type Persona = Schemas["PersonaFields"];
export type Version = Schemas["VersionItemView"];
export type Script = Schemas["ScriptView"];
export type ScriptBody = Schemas["ScriptBody"];
export type TriedScripts = Schemas["TryView"];
export type Conversation = Schemas["ConversationView"];
export type Update = Schemas["UpdateView"];
export type Summary = Schemas["SummaryView"];
export type Numbers = Schemas["NumbersView"];
export type Message = Schemas["MessageView"];
