import { createBrowserRouter } from "react-router";
import { LoginPage } from "../pages/login/LoginPage";
import { Loading } from "../parts/states";
import { Crashed } from "./Crashed";
import { FirstAgent } from "./FirstAgent";
import { Home } from "./Home";
import { Managed } from "./Managed";
import { NotFound } from "./NotFound";

export const router = createBrowserRouter([
  {
    errorElement: <Crashed />,
    hydrateFallbackElement: <Loading />,
    children: [
      { path: "/", element: <Home /> },
      { path: "/login", element: <LoginPage /> },
      { path: "/manage", element: <Home /> },
      {
        path: "/manage/:tenantId",
        element: <Managed />,
        children: [
          {
            index: true,
            lazy: async () => ({ Component: (await import("../pages/dashboard/DashboardPage")).DashboardPage }),
          },
          {
            path: "conversations",
            lazy: async () => ({
              Component: (await import("../pages/conversations/ConversationsPage")).ConversationsPage,
            }),
          },
          {
            path: "test-chat",
            lazy: async () => ({ Component: (await import("../pages/test-chat/TestChatPage")).TestChatPage }),
          },
          {
            path: "ai-agents",
            lazy: async () => ({ Component: (await import("../pages/agents/AgentsPage")).AgentsPage }),
          },
          {
            path: "ai-agents/:agentId",
            lazy: async () => ({ Component: (await import("../pages/agents/AgentPage")).AgentPage }),
          },
          {
            path: "ai-agents/:agentId/from-site",
            lazy: async () => ({ Component: (await import("../pages/from-site/FromSitePage")).FromSitePage }),
          },
          { path: "scripts", element: <FirstAgent page="scripts" /> },
          {
            path: "ai-agents/:agentId/scripts",
            lazy: async () => ({ Component: (await import("../pages/scripts/ScriptsPage")).ScriptsPage }),
          },
          {
            path: "jobs",
            lazy: async () => ({ Component: (await import("../pages/jobs/JobsPage")).JobsPage }),
          },
          { path: "rules", element: <FirstAgent page="rules" /> },
          {
            path: "ai-agents/:agentId/rules",
            lazy: async () => ({ Component: (await import("../pages/rules/RulesPage")).RulesPage }),
          },
          { path: "knowledge", element: <FirstAgent page="knowledge" /> },
          { path: "sequences", element: <FirstAgent page="sequences" /> },
          {
            path: "ai-agents/:agentId/sequences",
            lazy: async () => ({ Component: (await import("../pages/sequences/SequencesPage")).SequencesPage }),
          },
          {
            path: "integrations",
            lazy: async () => ({
              Component: (await import("../pages/integrations/IntegrationsPage")).IntegrationsPage,
            }),
          },
          {
            path: "actors",
            lazy: async () => ({ Component: (await import("../pages/actors/ActorsPage")).ActorsPage }),
          },
          {
            path: "settings",
            lazy: async () => ({ Component: (await import("../pages/settings/SettingsPage")).SettingsPage }),
          },
          {
            path: "profile",
            lazy: async () => ({ Component: (await import("../pages/profile/ProfilePage")).ProfilePage }),
          },
          {
            path: "ai-agents/:agentId/knowledge",
            lazy: async () => ({ Component: (await import("../pages/knowledge/KnowledgePage")).KnowledgePage }),
          },
          { path: "*", element: <NotFound /> },
        ],
      },
      { path: "*", element: <NotFound /> },
    ],
  },
]);
