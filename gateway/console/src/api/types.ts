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
export type Job = Schemas["JobView"];
export type Schedule = Schemas["ScheduleView"];
export type TelegramLinkState = Schemas["TelegramLinkView"];
export type TelegramCode = Schemas["TelegramCodeView"];
export type Message = Schemas["MessageView"];
export type Rule = Schemas["RuleView"];
export type RuleBody = Schemas["RuleBody"];
export type Vocabulary = Schemas["VocabularyView"];
export type DryRun = Schemas["DryRunView"];
export type Execution = Schemas["ExecutionView"];
export type Action = Schemas["ActionView"];
export type Integration = Schemas["IntegrationView"];
export type IntegrationChange = Schemas["IntegrationPatch"];
export type IntegrationProblem = Schemas["IntegrationProblem"];
export type TestedIntegration = Schemas["TestedView"];
export type CheckedToken = Schemas["CheckedView"];
