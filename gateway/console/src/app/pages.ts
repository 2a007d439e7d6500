import IconDashboard from "@tabler/icons-react/icons/IconLayoutDashboard";
import IconScript from "@tabler/icons-react/icons/IconListDetails";
import IconMessageCircle from "@tabler/icons-react/icons/IconMessageCircle";
import IconMessages from "@tabler/icons-react/icons/IconMessages";
import IconRobot from "@tabler/icons-react/icons/IconRobot";

/** What is in the navigation, the palette and the title, in this order. */
export const PAGES = [
  { path: "", name: "page.dashboard", icon: IconDashboard },
  { path: "conversations", name: "page.conversations", icon: IconMessages },
  { path: "test-chat", name: "page.test-chat", icon: IconMessageCircle },
  { path: "ai-agents", name: "page.agents", icon: IconRobot },
  { path: "scripts", name: "page.scripts", icon: IconScript },
] as const;

export type Page = (typeof PAGES)[number];
