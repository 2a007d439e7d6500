import IconBolt from "@tabler/icons-react/icons/IconBolt";
import IconBook from "@tabler/icons-react/icons/IconBook";
import IconDashboard from "@tabler/icons-react/icons/IconLayoutDashboard";
import IconJobs from "@tabler/icons-react/icons/IconListCheck";
import IconScript from "@tabler/icons-react/icons/IconListDetails";
import IconMasks from "@tabler/icons-react/icons/IconMasksTheater";
import IconSequences from "@tabler/icons-react/icons/IconMessage2Share";
import IconMessageCircle from "@tabler/icons-react/icons/IconMessageCircle";
import IconMessages from "@tabler/icons-react/icons/IconMessages";
import IconPlug from "@tabler/icons-react/icons/IconPlug";
import IconRobot from "@tabler/icons-react/icons/IconRobot";
import IconSettings from "@tabler/icons-react/icons/IconSettings";

/** What is in the navigation, the palette and the title, in this order. */
export const PAGES = [
  { path: "", name: "page.dashboard", icon: IconDashboard },
  { path: "conversations", name: "page.conversations", icon: IconMessages },
  { path: "test-chat", name: "page.test-chat", icon: IconMessageCircle },
  { path: "ai-agents", name: "page.agents", icon: IconRobot },
  { path: "scripts", name: "page.scripts", icon: IconScript },
  { path: "knowledge", name: "page.knowledge", icon: IconBook },
  { path: "rules", name: "page.rules", icon: IconBolt },
  { path: "sequences", name: "page.sequences", icon: IconSequences },
  { path: "integrations", name: "page.integrations", icon: IconPlug },
  { path: "jobs", name: "page.jobs", icon: IconJobs },
  { path: "actors", name: "page.actors", icon: IconMasks },
  { path: "settings", name: "page.settings", icon: IconSettings },
] as const;

export type Page = (typeof PAGES)[number];
